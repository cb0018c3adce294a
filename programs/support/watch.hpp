// Pictures as they arrive in a folder, by polling: that works on every file system.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/files.hpp>
#include <pfad/io/image.hpp>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace program {

/// What differs when a file's content does.
using file_version = std::tuple<std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;

/// None where there is no such file, perhaps no more.
[[nodiscard]] inline std::optional<file_version> version_of(const std::filesystem::path& path) {
    struct stat facts = {};
    if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return {};
    return file_version{facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

/// A file that says which pictures a watch has finished, so that the next one does not begin anew: a line of
/// JSON each.
class watch_record {
public:
    /// `path` may be empty: nothing is kept then.
    explicit watch_record(std::string path) : path_(std::move(path)) {}

    /// How the record has a name: as JSON, with a replacement for what is no UTF-8.
    [[nodiscard]] static std::string text_of(const std::string& name) {
        return nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    /// What earlier watches have finished, by text_of() their names. A line that is not whole is passed over.
    [[nodiscard]] std::unordered_map<std::string, file_version> read() {
        std::unordered_map<std::string, file_version> result;
        if (path_.empty() || !std::filesystem::exists(path_))
            return result;
        const auto content = pfad::read_file(path_);
        std::string_view text(reinterpret_cast<const char*>(content.data.get()), content.size);
        cut_ = !text.empty() && text.back() != '\n';
        for (; !text.empty(); ++lines_) {
            const auto line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(text.size(), line.size() + 1));
            const auto j = nlohmann::json::parse(line, nullptr, false);
            if (j.is_object() && j.contains("picture") && j.contains("version") &&
                j["picture"].is_string() && j["version"].is_array() && j["version"].size() == 4 &&
                std::ranges::all_of(j["version"],
                                    [](const auto& v) { return v.is_number_integer(); }))
                result[j["picture"].dump()] = {j["version"][0].template get<std::uint64_t>(),
                                               j["version"][1].template get<std::int64_t>(),
                                               j["version"][2].template get<std::int64_t>(),
                                               j["version"][3].template get<std::int64_t>()};
        }
        return result;
    }

    /// Adds one.
    void add(const std::string& name, const file_version& version) {
        if (path_.empty())
            return;
        // Somebody may have removed it, or its folder: all of it is due then.
        struct stat facts = {};
        if (file_ && ::stat(path_.c_str(), &facts) != 0) {
            file_.reset();
            removed_ = true;
        }
        if (!file_)
            file_.reset(std::fopen(path_.c_str(), "ab"));
        const std::string line = (cut_ ? "\n" : "") + line_of(name, version);
        cut_ = false;
        if (!file_ || std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
            std::fflush(file_.get()) != 0)
            pfad::fail(pfad::errc::io, path_ + ": cannot be written");
        ++lines_;
    }

    /// Writes the file anew with what is still there, where most of its lines are of what is gone, or it was
    /// removed.
    template <class Files>
    void shrink(const Files& files) {
        if (path_.empty() || (lines_ < 2 * files.size() + 1000 && !removed_))
            return;
        removed_ = false;
        std::string text;
        lines_ = 0;
        for (const auto& [name, file] : files)
            if (file.finished) {
                text += line_of(name, file.version);
                ++lines_;
            }
        file_.reset();
        pfad::write_atomically(path_, text);
    }

private:
    struct closing {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    static std::string line_of(const std::string& name, const file_version& version) {
        const auto& [inode, size, seconds, part] = version;
        const nlohmann::json j = {{"picture", name}, {"version", {inode, size, seconds, part}}};
        return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }

    std::string path_;
    std::unique_ptr<std::FILE, closing> file_;
    std::size_t lines_ = 0;
    bool removed_ = false; ///< while it was in use
    bool cut_ = false;     ///< the last line has no end: the one who wrote it was killed
};

/// The pictures directly in a folder, each once, and once more where its file has changed. Those that
/// are there at the beginning count as arrived, but for those in the record.
class picture_watch {
public:
    picture_watch(std::filesystem::path folder,
                  const pfad::picture_options& reading,
                  const std::string& record)
        : folder_(std::move(folder)), reading_(reading), record_(record), earlier_(record_.read()) {
        pfad::data::expect_folder(folder_);
    }

    /// Calls found(path, picture) for what has arrived, in order of name. A file that cannot be read is
    /// perhaps still being written: it is tried again at the next call, and failed(path, sentence) called
    /// once it has not changed for two seconds, or changes all the time. Throws errc::io where the folder
    /// is gone.
    template <class Found, class Failed>
    void poll(Found&& found, Failed&& failed) {
        list_where_needed();
        for (entry* const one : due()) {
            auto& [name, file] = *one;
            const auto path = folder_ / name;
            const auto version = version_of(path);
            if (!version && !file.finished)
                waiting_.push_back(one); // gone, perhaps for a moment
            if (!version || (file.finished && *version == file.version))
                continue;
            const auto now = clock::now();
            if (file.finished || file.since == clock::time_point())
                file.waits = now;
            if (file.finished || file.version != *version)
                file = {*version, now, file.waits, false};
            file.finished = finish(path, file, found, failed);
            if (file.finished)
                record_.add(name, file.version);
            else
                waiting_.push_back(one);
        }
        record_.shrink(files_);
    }

private:
    using clock = std::chrono::steady_clock;
    struct file_state {
        file_version version{};
        clock::time_point since{}; ///< of this version
        clock::time_point waits{}; ///< since when it is to be read
        bool finished = false;
        bool seen = false; ///< by the latest listing
    };
    using entry = std::pair<const std::string, file_state>;

    /// A folder's own time says when a name has come or gone. Its clock ticks coarsely, and some file
    /// systems are late with it: so also for two seconds after, and every five; but a large folder not so
    /// often that it takes more than a tenth of the time.
    void list_where_needed() {
        const auto now = clock::now();
        struct stat facts = {};
        const bool there = ::stat(folder_.c_str(), &facts) == 0;
        const std::pair time(facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
        const bool changed =
            time != folder_time_ || now - folder_changed_ <= std::chrono::seconds(2);
        if (there &&
            now - listed_ < (changed ? 10 * listing_ : clock::duration(std::chrono::seconds(5))))
            return;
        if (time != folder_time_)
            folder_changed_ = now;
        folder_time_ = time;
        listed_ = now;
        const std::size_t before = files_.size();
        std::error_code failure;
        std::filesystem::directory_iterator at(folder_, failure);
        for (const std::filesystem::directory_iterator end; !failure && at != end;
             at.increment(failure)) {
            const auto name = at->path().filename().string();
            if (!pfad::data::is_picture_name(name))
                continue;
            const auto [place, is_new] = files_.try_emplace(name);
            auto& file = place->second;
            file.seen = true;
            if (!is_new)
                continue;
            if (const auto known = earlier_.find(watch_record::text_of(name));
                known != earlier_.end()) {
                file.version = known->second;
                file.finished = true;
                file.since = file.waits = now;
            } else {
                waiting_.push_back(&*place);
            }
        }
        if (failure)
            pfad::fail(pfad::errc::io,
                       folder_.string() + (std::filesystem::is_directory(folder_, failure)
                                               ? ": the watched folder cannot be read"
                                               : ": the watched folder has disappeared"));
        earlier_.clear();
        std::erase_if(waiting_, [](const entry* one) { return !one->second.seen; });
        const std::size_t gone =
            std::erase_if(files_, [](const entry& one) { return !one.second.seen; });
        for (auto& one : files_)
            one.second.seen = false;
        if (gone > 0 || files_.size() != before) {
            entries_.clear();
            for (auto& one : files_)
                entries_.push_back(&one);
        }
        listing_ = clock::now() - now;
    }

    /// What to look at, in order of name: what is not finished, and some of the others in turn, whose files
    /// may have been written over.
    [[nodiscard]] std::vector<entry*> due() {
        auto result = std::exchange(waiting_, {});
        for (std::size_t i = std::min<std::size_t>(entries_.size(), 2000); i > 0; --i) {
            next_ = (next_ + 1) % entries_.size();
            if (entries_[next_]->second.finished)
                result.push_back(entries_[next_]);
        }
        std::ranges::sort(result, {},
                          [](const entry* one) { return std::string_view(one->first); });
        return result;
    }

    /// Returns whether the file needs no other look.
    template <class Found, class Failed>
    bool finish(const std::filesystem::path& path,
                file_state& file,
                Found& found,
                Failed& failed) const {
        pfad::image_u8 picture;
        try {
            const auto content = pfad::read_file(path.string());
            if (version_of(path) != file.version)
                pfad::fail(pfad::errc::io, path.string() + ": changes while it is read");
            picture = pfad::decode_picture(content.bytes(), path.string(), reading_);
        } catch (const pfad::error& problem) {
            const auto now = clock::now();
            if (now - file.since >= std::chrono::seconds(2)) {
                failed(path.string(), std::string(problem.what()));
                return true;
            }
            if (now - file.waits >= std::chrono::seconds(10)) {
                failed(path.string(), std::string(problem.what()) + ", again and again for 10 s");
                file.waits = now;
            }
            return false;
        }
        found(path.string(), picture);
        return true;
    }

    std::filesystem::path folder_;
    pfad::picture_options reading_;
    watch_record record_;
    std::unordered_map<std::string, file_version>
        earlier_; ///< by text_of(name), until the first listing
    std::unordered_map<std::string, file_state> files_;
    std::vector<entry*> waiting_; ///< those of files_ that are not finished
    std::vector<entry*> entries_; ///< of files_
    std::size_t next_ = 0;        ///< of entries_: whose turn it was
    std::pair<time_t, long> folder_time_{};
    clock::time_point folder_changed_{}, listed_{};
    clock::duration listing_{}; ///< what the latest one took
};

} // namespace program
