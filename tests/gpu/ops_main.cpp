// The entry point of gpu_ops, the ops' tests on a GPU.
#define CATCH_CONFIG_RUNNER // brings version 2's own code
#include "gpu/no_gpu.hpp"
#include "support/catch.hpp"

int main(int argc, char** argv) {
    if (!pfad::test::gpu_is_here("gpu_ops"))
        return pfad::test::cannot_run;
    return Catch::Session().run(argc, argv);
}
