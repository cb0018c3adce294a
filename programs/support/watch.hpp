// Pictures as they arrive in a folder, by polling: that works on every file system.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/files.hpp>
#include <pfad/io/image.hpp>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace program {

/// The pictures directly in a folder, each once, and once more where its file has changed. Those that
/// are there at the beginning count as arrived.
class picture_watch {
public:
    picture_watch(std::filesystem::path folder, const pfad::picture_options& reading)
        : folder_(std::move(folder)), reading_(reading) {
        pfad::data::expect_folder(folder_);
    }

    /// Calls found(path, picture) for what has arrived, in order of path. A file that cannot be read
    /// is perhaps still being written: it is tried again at the next call, and failed(path, sentence)
    /// called once it has not changed for two seconds. Throws errc::io where the folder is gone.
    template <class Found, class Failed>
    void poll(Found&& found, Failed&& failed) {
        std::map<std::filesystem::path, file_state> present;
        for (const auto& path : list()) {
            const auto version = version_of(path);
            if (!version || !pfad::data::is_picture_name(path))
                continue;
            file_state state{*version, clock::now()};
            const auto before = files_.find(path);
            if (before != files_.end() && before->second.version == *version)
                state = before->second;
            if (!state.finished)
                state.finished = finish(path, state, found, failed);
            present.emplace(path, state);
        }
        files_ = std::move(present);
    }

private:
    using clock = std::chrono::steady_clock;
    using file_version = std::tuple<ino_t, off_t, time_t, long>;
    struct file_state {
        file_version version;
        clock::time_point since;
        bool finished = false;
    };

    [[nodiscard]] std::vector<std::filesystem::path> list() const {
        try {
            return pfad::data::list_folder(folder_);
        } catch (const pfad::error&) {
            std::error_code ignored;
            if (std::filesystem::is_directory(folder_, ignored))
                throw;
        }
        pfad::fail(pfad::errc::io, folder_.string() + ": the watched folder has disappeared");
    }

    /// What differs when the content does; none where there is no such file, perhaps no more.
    static std::optional<file_version> version_of(const std::filesystem::path& path) {
        struct stat facts = {};
        if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
            return {};
        return file_version{facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                            facts.st_mtim.tv_nsec};
    }

    /// Returns whether the file needs no other look.
    template <class Found, class Failed>
    bool finish(const std::filesystem::path& path,
                const file_state& state,
                Found& found,
                Failed& failed) const {
        pfad::image_u8 picture;
        try {
            picture = pfad::read_picture(path.string(), reading_);
        } catch (const pfad::error& problem) {
            if (clock::now() - state.since < std::chrono::seconds(2))
                return false;
            failed(path.string(), std::string(problem.what()));
            return true;
        }
        if (version_of(path) != state.version) // it changed while it was read
            return false;
        found(path.string(), picture);
        return true;
    }

    std::filesystem::path folder_;
    pfad::picture_options reading_;
    std::map<std::filesystem::path, file_state> files_;
};

} // namespace program
