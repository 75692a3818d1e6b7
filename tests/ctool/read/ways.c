/* Ways through a function: what is assigned on some of them, left early, cut short. */
static const float edge[5] = {-1.0f, 0.0f, 0.5f, 1.0f, 2.0f};

float first_above(float x)
{
    for (int i = 0; i < 5; i++)
        if (edge[i] > x)
            return edge[i];
    return 3.0f;
}

float broken(float x)
{
    float y = 10.0f;
    for (int i = 0; i < 4; i++) {
        if (x < edge[i])
            break;
        y = y * 0.5f + x;
    }
    return y;
}

float continued(float x)
{
    float s = 0.0f;
    for (int i = 0; i < 5; i++) {
        if (edge[i] < x)
            continue;
        s += edge[i] - x;
        if (s > 3.0f)
            break;
    }
    return s;
}

float nested(float x, float y)
{
    float s = 1.0f;
    for (int i = 0; i < 3; i++) {
        float t = x;
        for (int k = 0; k < 3; k++) {
            if (t > y)
                break;
            t += 1.0f;
            if (t * s < -2.0f)
                continue;
            s += 0.25f * t;
        }
        if (s > 4.0f)
            return s - t;
        s *= 1.5f;
    }
    return s;
}

float left_in_the_middle(float x, float y)
{
    float r = x;
    if (x > 0) {
        if (y > 0)
            return r * y;
        r += 1.0f;
    } else if (y < -1.0f)
        return r - y;
    r *= 2.0f;
    {
        float r = y;
        if (r == 2.0f)
            return r;
    }
    return r;
}

float short_circuit(float x, float y)
{
    int n = 3;
    if (x > 0 && !(y > 1) || x < -y)
        y = -y;
    while (n-- > -2)
        if (n == 1)
            y += 1.0f;
    return n < 0 && x != y ? x : y;
}

float assigned_inside(float x)
{
    float a, b, c;
    a = b = x * 2.0f;
    c = (a += 1.0f) * b;
    int i = 2;
    do {
        c -= edge[i];
    } while (i--);
    return c;
}

float assigned_before_leaving(float x)
{
    float y = 0.0f;
    for (int i = 0; i < 3; i++) {
        if (x > edge[i]) {
            y += 1.0f;
            continue;
        }
        if (x * y < -1.0f) {
            y = x;
            break;
        }
        y -= edge[i];
    }
    return y;
}

float head_changes(float x)
{
    float s = x;
    for (float step = 1.0f, i = 0.0f; i < 4.0f; i += 1.0f) {
        s += step;
        if (s > 2.0f)
            continue;
        step *= -0.5f;
        if (s < -1.0f) {
            step = 3.0f;
            break;
        }
    }
    return s;
}
