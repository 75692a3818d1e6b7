// samples/embedding/installed/main.cpp: the program of ../main.c in C++, for a library that is installed: four
// numbers a line in, the name of the species and how sure it is out.
#include "iris.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <iostream>

// The network with memory of its own: one for each thread.
class Iris {
public:
    using Measures = std::array<float, IRIS_IN_ELEMS>;
    using Scores = std::array<float, IRIS_OUT_ELEMS>;

    Scores operator()(const Measures &in)
    {
        Scores out;
        iris_forward(&iris_weights, in.data(), out.data(), workspace);
        return out;
    }

private:
    IRIS_ALIGNED char workspace[IRIS_WORKSPACE_BYTES];
};

int main()
{
    static const char *const species[IRIS_OUT_ELEMS] = { "setosa", "versicolor", "virginica" };
    Iris iris;
    Iris::Measures in;
    while (std::cin >> in[0] >> in[1] >> in[2] >> in[3]) {
        const Iris::Scores out = iris(in);
        const auto best = std::max_element(out.begin(), out.end());
        float sum = 0;
        for (float score : out) sum += std::exp(score - *best);
        std::cout << std::left << std::setw(10) << species[best - out.begin()] << ' ' << std::fixed
                  << std::setprecision(1) << 100 / sum << "%\n";
    }
}
