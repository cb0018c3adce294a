#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <pfad/cpu/processors.hpp>

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace pfad::cpu;
using detail::no_limit;

TEST_CASE("processors: a quota, a variable", "[cpu]") {
    CHECK(detail::processors_of_quota(200000, 100000) == 2);
    CHECK(detail::processors_of_quota(150000, 100000) == 2);
    CHECK(detail::processors_of_quota(10000, 100000) == 1);
    CHECK(detail::processors_of_quota(-1, 100000) == no_limit);
    CHECK(detail::processors_of_quota(0, 0) == no_limit);
    CHECK(detail::processors_of_variable(nullptr) == no_limit);
    CHECK(detail::processors_of_variable("3,2") == 3);
    for (const char* const none : {"", "0", "-1", "many", "99999999999999999999"})
        CHECK(detail::processors_of_variable(none) == no_limit);
}

TEST_CASE("processors: the groups from the process's own to the root", "[cpu]") {
    const temporary_folder folder;
    const auto put = [&](const std::string& name, const std::string& text) {
        const auto path = folder.path() / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    };
    const auto limit = [&] {
        return detail::processors_of_groups(folder / "fs", folder / "groups");
    };
    CHECK(limit() == no_limit);
    put("groups", "0::/a/b\n");
    CHECK(limit() == no_limit);
    put("fs/cpu.max", "max 100000\n");
    put("fs/a/b/cpu.max", "max 100000\n");
    CHECK(limit() == no_limit);
    put("fs/a/cpu.max", "300000 100000\n");
    CHECK(limit() == 3);
    put("fs/cpu.max", "150000 100000\n");
    CHECK(limit() == 2);
    put("groups", "12:cpuset:/x\n4:cpu,cpuacct:/docker/1\n");
    CHECK(limit() == no_limit);
    put("fs/cpu/cpu.cfs_quota_us", "-1\n");
    put("fs/cpu/cpu.cfs_period_us", "100000\n");
    CHECK(limit() == no_limit);
    put("fs/cpu/docker/1/cpu.cfs_quota_us", "100000\n");
    put("fs/cpu/docker/1/cpu.cfs_period_us", "100000\n");
    CHECK(limit() == 1);
}

TEST_CASE("processors: those that the process may run on", "[cpu]") {
    cpu_set_t before, one;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    CHECK(usable_processors() >= 1);
    CHECK(usable_processors() <= CPU_COUNT(&before));
    int first = 0;
    while (!CPU_ISSET(first, &before))
        ++first;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(usable_processors() == 1);
    REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}
