/* Functions of <math.h>, and what C says of NaN, infinities and zeros. */
#include <float.h>
#include <math.h>

float larger(float x, float y) { return fmaxf(x, y); }
float clipped(float x) { return fminf(fmaxf(x, -1.0f), 1.0f); }
float rounded(float x) { return roundf(x); }
float nearest(float x) { return rintf(x) + nearbyintf(x); }
float whole(float x) { return floorf(x) + ceilf(x) + truncf(x); }
float above(float x, float y) { return fdimf(x, y); }
float copied(float x) { return -fabsf(x); }
float classified(float x) { return isnan(x) ? 0.0f : isinf(x) ? 1.0f : isfinite(x) ? x : 2.0f; }
float zero(float x) { return -(x * 0.0f); }
float limits(float x) { return x > FLT_MAX ? FLT_MAX : x < FLT_EPSILON ? -INFINITY : NAN; }
float folded(float x) { return x * expf(1.0f) + sqrtf(2.0f) * powf(2.0f, 0.5f) + 0.1f * 3.0f; }
float exact(float x) { return x + 12582912.0f - 12582912.0f; }
double doubles(double x, double y) { return pow(fabs(x), y) - log1p(fabs(x)) + 0.1f * x; }
float half_in_double(float x) { return 0.5 * x; }
float root_in_double(float x) { return x > 0.0 ? sqrt(x) : -x; }
/* Differences say nothing where y is so small that they meet another quotient. */
float rest(float x, float y) { return fmodf(x, y); }
float tails(float x) { return erfcf(x) / erfcf(-x); }
double far_out(double x) { return x * erfc(-x); }
double quarter(double x) { return x > M_PI_4 ? M_PI_4 : x; }
double over_larger(double x) { return 1.0 / fmax(0.0, x); }
