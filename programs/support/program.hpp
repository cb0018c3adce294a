// What the programs share: errors as one sentence and exit status 2, lines of text and JSON, progress
// on a terminal, run logs.
#pragma once

#include "support/files_apart.hpp"

#include <pfad/core/error.hpp>
#include <pfad/data/files.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/evaluate/threshold.hpp>
#include <pfad/io/file.hpp>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace program {

/// What --threads may be; 0: one a processor.
inline const CLI::Range thread_range(0, 1024);

/// Opens what of standard input, output and error is closed, on nothing: else the next file that is
/// opened would get its number, and what is printed.
inline void open_standard_files() {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(number, F_GETFD) == -1)
            static_cast<void>(::open("/dev/null", number == STDIN_FILENO ? O_RDONLY : O_WRONLY));
}

/// Runs f, all that a main does; prints what it throws as one sentence. The value is main's, 2 after an error: 1
/// is the verdict of pfad_inspect.
template <class F>
int run(const char* name, F&& f) {
    open_standard_files();
    std::signal(SIGXFSZ,
                SIG_IGN); // a file that may not grow is an error of the call that writes it
    try {
        return f();
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr, "%s: out of memory\n", name);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: %s\n", name, e.what());
    }
    return 2;
}

/// Every value says something, and integers are decimal: CLI11 by itself takes 064 for 52, as C does, and -1 for
/// the largest number of a kind without a sign.
inline void expect_plain_values(CLI::App& app) {
    for (auto* const option : app.get_options()) {
        if (option->get_expected_max() > 0)
            option->check(
                [](const std::string& text) { return text.empty() ? "the value is empty" : ""; },
                "", "not empty");
        const std::string type = option->get_type_name();
        if (type.find("INT") == std::string::npos)
            continue;
        const bool unsigned_one = type.find("UINT") != std::string::npos;
        option->check(
            [unsigned_one](const std::string& text) -> std::string {
                const std::size_t first = text.find_first_of("123456789");
                const bool zero = text == "0";
                if (!zero && (first != (text.starts_with('-') ? 1 : 0) ||
                              text.find_first_not_of("0123456789", first) != std::string::npos))
                    return text + " is not a whole number in decimal digits";
                std::uint64_t large = 0;
                std::int64_t small = 0;
                const char* const end = text.data() + text.size();
                if ((unsigned_one ? std::from_chars(text.data(), end, large).ec
                                  : std::from_chars(text.data(), end, small).ec) != std::errc())
                    return text + " is out of range";
                return "";
            },
            "", "decimal");
    }
}

/// Reads the command line before it runs f. Throws for arguments that are wrong; after --help f does not run.
template <class F>
int parse_and_run(CLI::App& app, int argc, char** argv, F&& f) {
    try {
        expect_plain_values(app);
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        return app.exit(help);
    }
    return f();
}

/// A line on standard output, at once: whoever reads it may wait for it.
inline void print_line(const std::string& line) {
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() ||
        std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0)
        pfad::fail(pfad::errc::io, "standard output: cannot be written");
}

/// A line on standard error where folders had something that is no picture.
inline void note_passed_over(const pfad::data::passed_over& others) {
    if (const auto text = others.text(); !text.empty())
        std::fprintf(stderr, "Passed over: %s\n", text.c_str());
}

/// A score for people: probabilities in four decimals, others in three digits, as they may be tiny.
inline std::string score_text(double score, const pfad::score_range& range) {
    char text[32];
    std::snprintf(text, sizeof text, range.probability ? "%.4f" : "%.3g", score);
    return text;
}

/// What so many false alarms among so many good pictures say of new ones.
inline std::string false_alarms_text(std::size_t flagged, std::size_t of) {
    // Three digits, rounded up.
    double limit = 100 * pfad::false_alarm_limit(flagged, of);
    const double unit = std::pow(10, std::floor(std::log10(limit)) - 2);
    limit = std::ceil(limit / unit - 1e-9) * unit;
    char text[160];
    std::snprintf(text, sizeof text,
                  "%zu of %zu good pictures are flagged: of new ones like them at most %.3g %%, "
                  "with a confidence of %.0f %%",
                  flagged, of, limit, 100 * pfad::usual_confidence);
    return text;
}

/// JSON as text, on one line or indented. A path that is no UTF-8 has replacement characters.
inline std::string to_text(const nlohmann::json& j, int indent = -1) {
    return j.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Where a picture's result goes: FOLDER/STEM.png, numbered where several pictures of a folder share a
/// stem. Throws errc::io rather than name one of the files that are read.
class result_paths {
public:
    /// `keep`: no file that is there already is named.
    explicit result_paths(const files_apart& files, bool keep = false)
        : files_(files), keep_(keep) {}

    [[nodiscard]] std::string next(const std::filesystem::path& folder,
                                   const std::filesystem::path& picture) {
        const auto stem = (folder / picture.stem()).string();
        std::string path = stem + ".png";
        // A watch meets the same name for ever, and new ones for ever: only the former are remembered.
        while (is_taken(path)) {
            int& last = last_[stem];
            path = stem + "_" + std::to_string(last = std::max(last + 1, 2)) + ".png";
        }
        files_.expect_unread(path);
        return path;
    }

private:
    bool is_taken(const std::string& path) {
        std::error_code ignored;
        return keep_ ? std::filesystem::exists(path, ignored) : !taken_.insert(path).second;
    }

    const files_apart& files_;
    bool keep_;
    std::set<std::string> taken_;
    std::map<std::string, int> last_;
};

/// The command line as one line, for files that say how they were made.
inline std::string command_line(int argc, char** argv) {
    std::string text = std::filesystem::path(argv[0]).filename().string();
    for (int i = 1; i < argc; ++i)
        text += std::string(" ") + argv[i];
    return text;
}

/// A line that rewrites itself on a terminal; elsewhere a plain line now and then. Speed and time
/// left are those of the last steps: the two stages of training differ.
class progress {
public:
    explicit progress(int total) : total_(total) {}

    /// Once a step. `done` of the total; `rate` items a step; `text` what to show beside.
    void show(int done, int rate, const std::string& text) {
        const double now = seconds();
        pace_ += (now - before_ - pace_) / std::min(++steps_, 20);
        before_ = now;
        const bool last = done == total_;
        if (!last && now - shown_ < (terminal_ ? 0.2 : 15))
            return;
        shown_ = now;
        const double speed = pace_ > 0 ? 1 / pace_ : 0, left = (total_ - done) * pace_;
        const int width = 24, filled = total_ > 0 ? width * done / total_ : width;
        const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                                std::string(static_cast<std::size_t>(width - filled), '.');
        char line[256];
        std::snprintf(line, sizeof line, "%d/%d  %s  %.1f images/s  %d:%02d left", done, total_,
                      text.c_str(), speed * rate, static_cast<int>(left) / 60,
                      static_cast<int>(left) % 60);
        if (terminal_)
            std::printf("\r[%s] %s\033[K%s", bar.c_str(), line, last ? "\n" : "");
        else
            std::printf("%s\n", line);
        std::fflush(stdout);
    }

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    int total_;
    int steps_ = 0;
    double before_ = 0, pace_ = 0; // of the last step; seconds a step
    bool terminal_ = isatty(STDOUT_FILENO) != 0;
    double shown_ = -1e9;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// log.jsonl: one line an iteration. A resumed run keeps the lines before its checkpoint.
class run_log {
public:
    run_log(std::string path, int keep) : path_(std::move(path)) {
        if (keep > 0)
            cut(keep);
        file_ = std::fopen(path_.c_str(), keep > 0 ? "ab" : "wb");
        if (!file_)
            pfad::fail(pfad::errc::io, path_ + ": cannot be written");
    }
    run_log(const run_log&) = delete;
    run_log& operator=(const run_log&) = delete;
    ~run_log() { std::fclose(file_); }

    /// `flush`: a checkpoint follows, which must not be on the disk before its lines are.
    void add(const nlohmann::json& line, bool flush) {
        const std::string text = line.dump() + "\n";
        if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() ||
            std::fflush(file_) != 0 || (flush && fsync(fileno(file_)) != 0))
            pfad::fail(pfad::errc::io, path_ + ": cannot be written, the disk may be full");
    }

private:
    // Leaves the first `lines` lines, whole at every moment.
    void cut(int lines) {
        const auto content = pfad::read_file(path_);
        const auto bytes = content.bytes();
        std::size_t size = 0;
        int found = 0;
        while (size < bytes.size() && found < lines)
            found += bytes[size++] == '\n';
        if (found < lines)
            pfad::fail(pfad::errc::io, path_ + ": has only " + std::to_string(found) + " of the " +
                                           std::to_string(lines) +
                                           " lines that go with the checkpoint");
        pfad::write_atomically(path_, bytes.first(size));
    }

    std::string path_;
    std::FILE* file_ = nullptr;
};

} // namespace program
