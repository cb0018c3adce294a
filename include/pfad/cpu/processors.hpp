// How many processors this process may use. Linux; elsewhere all of the machine's.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace pfad::cpu {

namespace detail {

inline constexpr int no_limit = std::numeric_limits<int>::max();

/// Processors that a quota of `quota` in each `period` microseconds is worth, rounded up.
[[nodiscard]] inline int processors_of_quota(double quota, double period) {
    return quota > 0 && period > 0 && quota / period < 1e6
               ? std::max(1, static_cast<int>(std::ceil(quota / period)))
               : no_limit;
}

/// What the files of control groups allow: `root` is where they are mounted, `groups` says which group
/// this process is in. Version 2 has cpu.max in each group from there to the root, version 1 two files.
[[nodiscard]] inline int processors_of_groups(const std::string& root, const std::string& groups) {
    int least = no_limit;
    std::ifstream list(groups);
    for (std::string line; std::getline(list, line);) {
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos)
            continue;
        const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
        const bool of_processors = kinds.find(",cpu,") != std::string::npos;
        if (kinds != ",," && !of_processors)
            continue;
        const std::string base = root + (of_processors ? "/cpu" : "");
        // A container sees its own group as the root, whatever the list calls it.
        for (std::string group = line.substr(second + 1);; group.resize(group.rfind('/'))) {
            if (of_processors) {
                double quota = 0, period = 0;
                std::ifstream(base + group + "/cpu.cfs_quota_us") >> quota;
                std::ifstream(base + group + "/cpu.cfs_period_us") >> period;
                least = std::min(least, processors_of_quota(quota, period));
            } else {
                std::string quota;
                double period = 0;
                std::ifstream(base + group + "/cpu.max") >> quota >> period;
                least = std::min(least,
                                 processors_of_quota(std::strtod(quota.c_str(), nullptr), period));
            }
            if (group.rfind('/') == std::string::npos)
                break;
        }
    }
    return least;
}

/// The first number of OMP_NUM_THREADS' value.
[[nodiscard]] inline int processors_of_variable(const char* value) {
    const long threads = value != nullptr ? std::strtol(value, nullptr, 10) : 0;
    return threads > 0 && threads < no_limit ? static_cast<int>(threads) : no_limit;
}

} // namespace detail

/// The least of the processors that the process may run on (taskset), OMP_NUM_THREADS and the quota of its
/// control group (a container's). At least 1.
[[nodiscard]] inline int usable_processors() {
    int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#ifdef __linux__
    // A machine with more processors than a set holds keeps the number above.
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
#endif
    return std::max(
        1, std::min({count, detail::processors_of_variable(std::getenv("OMP_NUM_THREADS")),
                     detail::processors_of_groups("/sys/fs/cgroup", "/proc/self/cgroup")}));
}

} // namespace pfad::cpu
