// Files that a program reads and writes, kept apart: by what they are, not by how their paths are spelled.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/file.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace program {

/// Told of everything before the work begins.
class files_apart {
public:
    /// A file, or folder of masks, that is read. Empty and absent ones are passed over.
    void reads(const std::filesystem::path& path) {
        struct stat facts = {};
        if (!path.empty() && ::stat(path.c_str(), &facts) == 0)
            read_.emplace(std::pair(facts.st_dev, facts.st_ino), path.string());
    }
    /// The same of many.
    template <class Paths>
    void reads_all(const Paths& paths) {
        for (const auto& path : paths)
            reads(path);
    }

    /// A file that will be written, if its path is not empty. Throws errc::io where it is one that is read
    /// or another that is written, or cannot be written.
    void writes(const std::string& path) {
        if (path.empty())
            return;
        expect_unread(path);
        const auto target = place_of(path);
        for (const auto& [other, name] : written_)
            if (other == target)
                pfad::fail(pfad::errc::io,
                           path + ": is to be written twice, as " + name + "; choose another file");
        pfad::expect_writable(path);
        pfad::remove_leftovers(target.first.string());
        written_.emplace_back(target, path);
    }
    /// A folder whose files are written as the work goes on, if its path is not empty. Throws errc::io
    /// where they cannot be, or where it is no folder; one that is absent is not made yet.
    static void writes_into(const std::string& folder) {
        if (folder.empty())
            return;
        std::error_code ignored;
        auto there = std::filesystem::absolute(folder, ignored);
        while (!std::filesystem::exists(there, ignored) && there.has_relative_path())
            there = there.parent_path();
        if (!std::filesystem::is_directory(there, ignored))
            pfad::fail(pfad::errc::io,
                       folder + ": cannot be written into: " + there.string() + " is not a folder");
        try {
            pfad::expect_writable((there / ".pfad").string());
        } catch (const pfad::error& problem) {
            pfad::fail(pfad::errc::io,
                       folder + ": cannot be written into: " + std::string(problem.what()));
        }
        pfad::remove_leftovers(folder);
    }

    /// Throws errc::io where a file to be written is one that is read.
    void expect_unread(const std::string& path) const {
        struct stat facts = {};
        if (::stat(path.c_str(), &facts) != 0)
            return;
        const auto found = read_.find({facts.st_dev, facts.st_ino});
        if (found != read_.end())
            pfad::fail(pfad::errc::io, path + ": is the file that is read" +
                                           (found->second == path ? "" : " as " + found->second) +
                                           "; choose another file");
    }

private:
    using place = std::pair<std::filesystem::path, std::filesystem::path>;

    /// The folder, however it is spelled, and the name in it.
    static place place_of(const std::string& path) {
        const std::filesystem::path target = pfad::detail::behind_links(path);
        std::error_code ignored;
        const auto folder = std::filesystem::weakly_canonical(
            target.has_parent_path() ? target.parent_path() : ".", ignored);
        return {folder, target.filename()};
    }

    std::map<std::pair<dev_t, ino_t>, std::string> read_;
    std::vector<std::pair<place, std::string>> written_;
};

} // namespace program
