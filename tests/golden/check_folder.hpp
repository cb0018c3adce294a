// Every golden file of some folders. One line a case: its tensors, how many leaned on the measured
// spread and how many that leaves with no verdict, the largest error; or why it is left out. Ends with
// "N passed, N failed". On a GPU or its emulator it is the kernels in float that run, in every
// schedule with the same bits.
#pragma once

#include "judge.hpp"

#if !defined(PFAD_TEST_GPU)
#include <pfad/onednn.hpp>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace golden {

namespace fs = std::filesystem;

#if defined(PFAD_TEST_GPU)
inline constexpr const char* usage =
    "usage: golden_check_simt DIR [DIR...] [--pcar branches|one_kernel], "
    "or gpu_networks golden DIR [DIR...]\n";
inline const std::vector<std::string> backends = {"gpu"};

/// Why a file of this size is not run; empty where it is.
inline std::string too_large([[maybe_unused]] std::uintmax_t bytes) {
#if __has_include(<simt.hpp>)
    if (bytes > 1'000'000)
        return "larger than 1 MB";
#endif
    return "";
}

inline verdict check(const std::string&, const std::string& file) {
    return check_file<float, pfad::test::gpu_backend>(file);
}
#else
inline constexpr const char* usage =
    "usage: golden_check DIR [DIR...] [--backend reference|onednn] "
    "[--pcar branches|one_kernel]\n";
inline const std::vector<std::string> backends = {"reference", "onednn"};

inline std::string too_large(std::uintmax_t) {
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

/// The golden files of a folder in the order of their names; none where it cannot be read.
inline std::vector<fs::path> files_of(const std::string& folder) {
    std::vector<fs::path> files;
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator(folder, problem))
        if (entry.path().extension() == ".safetensors")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

/// How the files fared.
struct counts {
    int passed = 0, failed = 0, left = 0;

    /// Runs a file, or leaves it out, and says so in a line.
    void run(const std::string& backend, const fs::path& file) {
        const std::string name = file.stem().string();
        verdict result;
        if ((result.left = too_large(fs::file_size(file)) + without_pcar(file)).empty())
            result = check(backend, file.string());
        if (!result.left.empty()) {
            std::printf("left %-32s %s\n", name.c_str(), result.left.c_str());
            ++left;
            return;
        }
        const bool ok = result.problem.empty();
        std::printf("%s %-32s %4d tensors, %4d leaned, %4d blind; error %8.2e of %8.2e (%s)%s%s\n",
                    ok ? "ok  " : "FAIL", name.c_str(), result.tensors, result.leaned, result.blind,
                    result.error, result.allowed, result.worst.c_str(), ok ? "" : ": ",
                    result.problem.c_str());
        std::fflush(stdout);
        (ok ? passed : failed) += 1;
    }
};

/// The program: its exit status.
inline int check_folder(int argc, char** argv) {
    std::string backend = backends.front();
    std::vector<std::string> folders;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--backend" && i + 1 < argc)
            backend = argv[++i];
        else if (argument == "--pcar" && i + 1 < argc && argv[i + 1] == std::string("branches"))
            ++i, pcar_path = pfad::nn::pcar_path::branches;
        else if (argument == "--pcar" && i + 1 < argc && argv[i + 1] == std::string("one_kernel"))
            ++i, pcar_path = pfad::nn::pcar_path::one_kernel;
        else if (!argument.starts_with('-'))
            folders.push_back(argument);
        else
            folders.clear(), i = argc;
    }
    if (folders.empty() || std::find(backends.begin(), backends.end(), backend) == backends.end()) {
        std::fputs(usage, stderr);
        return 2;
    }
    counts all;
    for (const auto& folder : folders) {
        const auto files = files_of(folder);
        if (files.empty()) {
            std::fprintf(stderr, "golden_check: %s: there are no golden files\n", folder.c_str());
            return 2;
        }
        for (const auto& file : files)
            all.run(backend, file);
    }
    if (all.left > 0)
        std::printf("%d left out\n", all.left);
    std::printf("%d passed, %d failed\n", all.passed, all.failed);
    return all.failed == 0 ? 0 : 1;
}

} // namespace golden
