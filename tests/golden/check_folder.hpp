// Every golden file of a folder. One line a case: its tensors, how many leaned on the measured
// spread and how many that leaves with no verdict, the largest error. Ends with "N passed, N
// failed". On a GPU or its emulator it is the kernels in float that run, in every schedule with the
// same bits, and without the files that `left_out` names.
#pragma once

#include "judge.hpp"

#if !defined(PFAD_TEST_GPU)
#include <pfad/onednn.hpp>
#endif

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace golden {

namespace fs = std::filesystem;

#if defined(PFAD_TEST_GPU)
inline constexpr const char* usage = "usage: golden_check_simt DIR [--pcar branches|one_kernel], "
                                     "or gpu_networks golden DIR\n";
inline const std::vector<std::string> backends = {"gpu"};

/// Why a file is not run; empty where it is.
inline std::string left_out([[maybe_unused]] const fs::path& file) {
#if __has_include(<simt.hpp>)
    if (fs::file_size(file) > 1'000'000)
        return "larger than 1 MB";
#endif
    return "";
}

inline verdict check(const std::string&, const std::string& file) {
    return check_file<float, pfad::test::gpu_backend>(file);
}
#else
inline constexpr const char* usage = "usage: golden_check DIR [--backend reference|onednn] "
                                     "[--pcar branches|one_kernel]\n";
inline const std::vector<std::string> backends = {"reference", "onednn"};

inline std::string left_out(const fs::path&) {
    return "";
}

inline verdict check(const std::string& backend, const std::string& file) {
    return backend == "reference" ? check_file<double, pfad::cpu::context>(file)
                                  : check_file<float, pfad::onednn::context>(file);
}
#endif

/// The same of a way to compute PCAR that was asked for.
inline std::string without_pcar(const fs::path& file) {
    if (pcar_path == pfad::nn::pcar_path::measured || golden_file(file.string()).has_pcar())
        return "";
    return "has no PCAR";
}

/// The program: its exit status.
inline int check_folder(int argc, char** argv) {
    std::string folder, backend = backends.front();
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--backend" && i + 1 < argc)
            backend = argv[++i];
        else if (argument == "--pcar" && i + 1 < argc && argv[i + 1] == std::string("branches"))
            ++i, pcar_path = pfad::nn::pcar_path::branches;
        else if (argument == "--pcar" && i + 1 < argc && argv[i + 1] == std::string("one_kernel"))
            ++i, pcar_path = pfad::nn::pcar_path::one_kernel;
        else if (folder.empty() && argument[0] != '-')
            folder = argument;
        else
            folder.clear(), i = argc;
    }
    if (folder.empty() || std::find(backends.begin(), backends.end(), backend) == backends.end()) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::vector<fs::path> files;
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator(folder, problem))
        if (entry.path().extension() == ".safetensors")
            files.push_back(entry.path());
    if (problem || files.empty()) {
        std::fprintf(stderr, "golden_check: %s: there are no golden files\n", folder.c_str());
        return 2;
    }
    std::sort(files.begin(), files.end());
    int passed = 0, failed = 0, left = 0;
    for (const auto& file : files) {
        const std::string name = file.stem().string();
        const auto why = left_out(file) + without_pcar(file);
        if (!why.empty()) {
            std::printf("left %-32s %s\n", name.c_str(), why.c_str());
            ++left;
            continue;
        }
        const verdict result = check(backend, file.string());
        const bool ok = result.problem.empty();
        std::printf("%s %-32s %4d tensors, %4d leaned, %4d blind; error %8.2e of %8.2e (%s)%s%s\n",
                    ok ? "ok  " : "FAIL", name.c_str(), result.tensors, result.leaned, result.blind,
                    result.error, result.allowed, result.worst.c_str(), ok ? "" : ": ",
                    result.problem.c_str());
        std::fflush(stdout);
        (ok ? passed : failed) += 1;
    }
    if (left > 0)
        std::printf("%d left out\n", left);
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

} // namespace golden
