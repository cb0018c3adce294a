// Whole files in and out. A file is read in one piece, and written under a temporary name that
// replaces the old file only when every byte is on the disk. POSIX.
//   errors  errc::io, "<path>: <what is wrong>", with the system's reason where there is one
#pragma once

#include <pfad/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace pfad {

/// Bytes of a file, not owned.
using byte_span = std::span<const std::uint8_t>;

/// The bytes of a file. Copies share them.
struct file_content {
    std::shared_ptr<const std::uint8_t[]> data; ///< the first byte
    std::size_t size = 0;                       ///< bytes

    /// All of it, not owned.
    [[nodiscard]] byte_span bytes() const { return {data.get(), size}; }
};

namespace detail {

[[noreturn]] inline void fail_system(const std::string& path, const std::string& what, int reason) {
    fail(errc::io, path + ": " + what + ": " + std::generic_category().message(reason));
}

/// Closes a descriptor on the way out.
class descriptor {
public:
    explicit descriptor(int number) : number_(number) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { close(); }

    [[nodiscard]] int number() const { return number_; }
    /// Returns 0 or the system's error number.
    int close() {
        const int reason = number_ >= 0 && ::close(number_) != 0 ? errno : 0;
        number_ = -1;
        return reason;
    }

private:
    int number_;
};

inline void read_exactly(int from, std::uint8_t* to, std::size_t size, const std::string& path) {
    for (std::size_t done = 0; done < size;) {
        const ssize_t got = ::read(from, to + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fail_system(path, "cannot be read", errno);
        if (got == 0)
            fail(errc::io, path + ": became shorter while it was read");
        done += static_cast<std::size_t>(got);
    }
}

/// The folder that holds `path`.
[[nodiscard]] inline std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace detail

/// The first `limit` bytes of a file, or all of it when it is shorter.
[[nodiscard]] inline file_content read_file(const std::string& path, std::size_t limit = SIZE_MAX) {
    // Asked before opening: opening a pipe that nobody writes to would wait for ever.
    struct stat facts = {};
    if (::stat(path.c_str(), &facts) != 0) {
        if (errno == ENOENT)
            fail(errc::io, path + ": there is no such file");
        detail::fail_system(path, "cannot be read", errno);
    }
    if (S_ISDIR(facts.st_mode))
        fail(errc::io, path + ": is a folder, not a file");
    if (!S_ISREG(facts.st_mode))
        fail(errc::io, path + ": is not a regular file");
    detail::descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0 || ::fstat(file.number(), &facts) != 0)
        detail::fail_system(path, "cannot be read", errno);
    const std::size_t size = std::min(limit, static_cast<std::size_t>(facts.st_size));
    std::shared_ptr<std::uint8_t[]> data(new std::uint8_t[size]);
    detail::read_exactly(file.number(), data.get(), size, path);
    return {std::move(data), size};
}

namespace detail {

/// Where a path leads if its last part is a symbolic link, perhaps to nothing; else the path.
[[nodiscard]] inline std::string behind_links(const std::string& path) {
    std::filesystem::path at = path;
    std::error_code failure;
    for (int links = 0; std::filesystem::is_symlink(at, failure); ++links) {
        if (links == 40)
            fail_system(path, "cannot be written", ELOOP);
        const auto target = std::filesystem::read_symlink(at, failure);
        if (failure)
            fail_system(path, "cannot be written", failure.value());
        at = target.is_absolute() ? target : at.parent_path() / target;
        // /dev/stdout leads there: a file that is open would be replaced under its writer.
        if (at.string().starts_with("/proc/"))
            fail(errc::io, path + ": cannot be written: is a stream, not a file");
    }
    return at.string();
}

/// Whether another file system, or a file of one, is mounted at this very path: nothing can be renamed to
/// it.
[[nodiscard]] inline bool is_mount_point(const std::string& path) {
#ifdef STATX_ATTR_MOUNT_ROOT
    struct statx facts = {};
    return ::statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE, &facts) == 0 &&
           (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
    static_cast<void>(path);
    return false;
#endif
}

/// Gives an open file the mode and, as far as the system lets it, the owner of the one at `path`, if there is
/// one.
inline void take_mode_and_owner(int file, const std::string& path) {
    struct stat facts = {};
    if (::stat(path.c_str(), &facts) != 0)
        return;
    // The owner first, since a change of it may clear bits of the mode.
    static_cast<void>(::fchown(file, facts.st_uid, facts.st_gid) == 0);
    static_cast<void>(::fchmod(file, facts.st_mode & 07777) == 0);
}

/// Whether a name is one that atomic_file gives, NAME.PID-NUMBER.tmp, or such with an extension behind it.
[[nodiscard]] inline bool is_temporary_name(std::string_view name) {
    const std::size_t ending = name.rfind(".tmp");
    if (ending == std::string_view::npos)
        return false;
    const auto behind = name.substr(ending + 4);
    if (!behind.empty() && behind.rfind('.') != 0)
        return false;
    name = name.substr(0, ending);
    for (const char before : {'-', '.'}) {
        const std::size_t last = name.find_last_not_of("0123456789");
        if (last == std::string_view::npos || last + 1 == name.size() || name[last] != before)
            return false;
        name = name.substr(0, last);
    }
    return !name.empty();
}

} // namespace detail

/// A file that appears complete or not at all: bytes go to a temporary name in the same folder,
/// which `commit` flushes and renames. Without a commit, or after an error, the temporary is gone
/// and the file that was there before is untouched. A symbolic link stays one, and the new file has the
/// mode and, as far as the system lets it, the owner of the old one.
class atomic_file {
public:
    /// Opens a file of a temporary name beside `path`. Throws errc::io.
    explicit atomic_file(const std::string& path)
        : path_(detail::behind_links(path)), file_(open_temporary()) {}
    atomic_file(const atomic_file&) = delete;
    atomic_file& operator=(const atomic_file&) = delete;
    ~atomic_file() { discard(); }

    /// Writes at the end. Throws errc::io.
    void append(byte_span bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            const ssize_t put = ::write(file_.number(), bytes.data() + done, bytes.size() - done);
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                give_up(put < 0 ? errno : ENOSPC);
            done += static_cast<std::size_t>(put);
        }
    }

    /// Flushes to the disk, then replaces the target. Call it once, last.
    void commit() {
        if (::fsync(file_.number()) != 0)
            give_up(errno);
        if (const int reason = file_.close())
            give_up(reason);
        if (std::rename(temporary_.c_str(), path_.c_str()) != 0)
            give_up(errno);
        temporary_.clear();
        // The new name itself is on the disk only once the folder is. A folder that may be written
        // but not read cannot be opened, and some file systems refuse to flush folders (EINVAL).
        detail::descriptor folder(
            ::open(detail::folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (folder.number() >= 0 && ::fsync(folder.number()) != 0 && errno != EINVAL)
            detail::fail_system(path_, "is written, but its folder cannot be flushed", errno);
    }

private:
    // Sets temporary_, which is declared before file_.
    int open_temporary() {
        struct stat facts = {};
        const bool exists = ::stat(path_.c_str(), &facts) == 0;
        if (exists && !S_ISREG(facts.st_mode))
            fail(errc::io, path_ + ": cannot be written: " +
                               (S_ISDIR(facts.st_mode) ? "is a folder" : "is not a regular file"));
        if (exists && detail::is_mount_point(path_))
            fail(errc::io, path_ + ": cannot be written: is a mount of one file, which cannot be "
                                   "replaced; mount its folder");
        // Unique among the threads and processes of a machine; O_EXCL settles the rest.
        static std::atomic<unsigned> count{0};
        for (;;) {
            temporary_ = path_ + '.' + std::to_string(::getpid()) + '-' +
                         std::to_string(count.fetch_add(1)) + ".tmp";
            const int opened =
                ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (opened < 0 && errno == EEXIST)
                continue;
            if (opened < 0) {
                const int reason = errno;
                temporary_.clear();
                detail::fail_system(path_, "cannot be written", reason);
            }
            // Held for as long as it is written: remove_leftovers() knows by it what is in use.
            struct stat own = {};
            if (::flock(opened, LOCK_EX) == 0 && ::fstat(opened, &own) == 0 && own.st_nlink == 0) {
                ::close(opened);
                continue; // removed before it was held
            }
            detail::take_mode_and_owner(opened, path_);
            return opened;
        }
    }

    void discard() noexcept {
        file_.close();
        if (!temporary_.empty())
            ::unlink(temporary_.c_str());
        temporary_.clear();
    }

    [[noreturn]] void give_up(int reason) {
        discard();
        detail::fail_system(path_, "cannot be written", reason);
    }

    std::string path_;
    std::string temporary_;
    detail::descriptor file_;
};

/// Throws errc::io, as writing would, where a file cannot be written; leaves everything as it is.
inline void expect_writable(const std::string& path) {
    const atomic_file probe(path);
}

/// Removes what writes that were killed have left in a folder. What is still being written stays.
inline void remove_leftovers(const std::string& folder) {
    std::error_code failure;
    for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure)) {
        if (!detail::is_temporary_name(at->path().filename().string()))
            continue;
        const detail::descriptor file(
            ::open(at->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file.number() >= 0 && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0)
            ::unlink(at->path().c_str());
    }
}

/// Replaces or makes a file from several pieces, which are not copied together first.
inline void write_atomically(const std::string& path, std::span<const byte_span> parts) {
    atomic_file file(path);
    for (const byte_span part : parts)
        file.append(part);
    file.commit();
}

/// Replaces or makes a file.
inline void write_atomically(const std::string& path, byte_span bytes) {
    write_atomically(path, std::span<const byte_span>(&bytes, 1));
}
/// The same of text.
inline void write_atomically(const std::string& path, std::string_view text) {
    write_atomically(path,
                     byte_span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

} // namespace pfad
