// golden_check DIR [--backend reference|onednn]: runs every golden file of a folder. reference is
// in double, onednn in float. One line a case: its tensors, how many leaned on the measured spread
// and how many that leaves with no verdict, the largest error. Ends with "N passed, N failed".
#include "judge.hpp"

#include <pfad/onednn.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    std::string folder, backend = "reference";
    for (int i = 1; i < argc; ++i) {
        std::string const argument = argv[i];
        if (argument == "--backend" && i + 1 < argc)
            backend = argv[++i];
        else if (folder.empty() && argument[0] != '-')
            folder = argument;
        else
            folder.clear(), i = argc;
    }
    if (folder.empty() || (backend != "reference" && backend != "onednn")) {
        std::fprintf(stderr, "usage: golden_check DIR [--backend reference|onednn]\n");
        return 2;
    }
    std::vector<std::string> files;
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(folder, problem))
        if (entry.path().extension() == ".safetensors")
            files.push_back(entry.path().string());
    if (problem || files.empty()) {
        std::fprintf(stderr, "golden_check: %s: there are no golden files\n", folder.c_str());
        return 2;
    }
    std::sort(files.begin(), files.end());
    int passed = 0, failed = 0;
    for (const auto& file : files) {
        golden::verdict const result = backend == "reference"
                                           ? golden::check_file<double, pfad::cpu::context>(file)
                                           : golden::check_file<float, pfad::onednn::context>(file);
        const bool ok = result.problem.empty();
        std::string const name = std::filesystem::path(file).stem().string();
        std::printf("%s %-32s %4d tensors, %4d leaned, %4d blind; error %8.2e of %8.2e (%s)%s%s\n",
                    ok ? "ok  " : "FAIL", name.c_str(), result.tensors, result.leaned, result.blind,
                    result.error, result.allowed, result.worst.c_str(), ok ? "" : ": ",
                    result.problem.c_str());
        std::fflush(stdout);
        (ok ? passed : failed) += 1;
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
