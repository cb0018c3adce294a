#include "io/files.hpp"

#include <pfad/io/base64.hpp>
#include <pfad/io/file.hpp>

#include <sys/resource.h>

#include <csignal>

using namespace io_test;
using pfad::errc;

namespace {

/// No file may grow beyond `size` while this lives: what a full disk looks like to a program.
class file_size_limit {
public:
    explicit file_size_limit(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit now = {size, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~file_size_limit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_ = {};
    void (*handler_)(int);
};

} // namespace

TEST_CASE("file: what is written comes back", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "a";
    const bytes one = bytes_of("one"), two = bytes_of("and two");
    const pfad::byte_span parts[] = {one, {}, two};
    pfad::write_atomically(path, parts);
    CHECK(get_file(path) == bytes_of("oneand two"));
    CHECK(pfad::read_file(path, 4).size == 4);
    pfad::write_atomically(path, pfad::byte_span());
    CHECK(get_file(path).empty());
    CHECK(folder.count() == 1);
}

TEST_CASE("file: what cannot be read is named with the reason", "[io]") {
    const temporary_folder folder;
    const auto sentence = [&](const std::string& path) {
        return error_of(errc::io, [&] { static_cast<void>(pfad::read_file(path)); });
    };
    CHECK(sentence(folder / "none") == folder / "none" + ": there is no such file");
    CHECK(sentence(folder.path()) == folder.path().string() + ": is a folder, not a file");
    CHECK(sentence("/dev/null") == "/dev/null: is not a regular file");
    put_file(folder / "plain", bytes_of("x"));
    CHECK(has(sentence(folder / "plain/below"), "Not a directory"));
}

TEST_CASE("file: a full disk leaves the previous file and no temporary", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "checkpoint";
    pfad::write_atomically(path, bytes_of("previous"));
    const bytes piece(6000, 7);
    const pfad::byte_span parts[] = {piece, piece};
    std::string sentence;
    {
        const file_size_limit limit(10000);
        sentence = error_of(errc::io, [&] { pfad::write_atomically(path, parts); });
    }
    CHECK(sentence == path + ": cannot be written: File too large");
    CHECK(get_file(path) == bytes_of("previous"));
    CHECK(folder.count() == 1);
}

TEST_CASE("file: a target that cannot be replaced is refused before anything is written", "[io]") {
    const temporary_folder folder;
    const auto sentence = [&](const std::string& path) {
        return error_of(errc::io, [&] { pfad::write_atomically(path, bytes_of("x")); });
    };
    CHECK(sentence(folder / "no/such") ==
          folder / "no/such" + ": cannot be written: No such file or directory");
    CHECK(has(sentence(folder.path()), "is a folder"));
    CHECK(has(sentence("/dev/null"), "is not a regular file"));
    CHECK(folder.count() == 0);
}

TEST_CASE("file: without a commit nothing changes", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "a";
    put_file(path, bytes_of("old"));
    {
        pfad::atomic_file file(path);
        file.append(bytes_of("new"));
        CHECK(folder.count() == 2);
        CHECK(get_file(path) == bytes_of("old"));
    }
    CHECK(folder.count() == 1);
    CHECK(get_file(path) == bytes_of("old"));
}

TEST_CASE("base64: the vectors of RFC 4648", "[io]") {
    CHECK(pfad::base64({}).empty());
    CHECK(pfad::base64(bytes_of("f")) == "Zg==");
    CHECK(pfad::base64(bytes_of("fo")) == "Zm8=");
    CHECK(pfad::base64(bytes_of("foo")) == "Zm9v");
    CHECK(pfad::base64(bytes_of("foobar")) == "Zm9vYmFy");
    CHECK(pfad::base64(bytes{0xfb, 0xff, 0xbf}) == "+/+/");
    for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xfb\xff\xbf"})
        CHECK(pfad::from_base64(pfad::base64(bytes_of(text))) == bytes_of(text));
    for (const char* text : {"Z", "Zg", "Zg=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n"}) {
        INFO(text);
        CHECK_FALSE(pfad::from_base64(text).has_value());
    }
}

TEST_CASE("file: a link stays a link, and a file keeps its mode", "[io]") {
    const temporary_folder folder;
    namespace fs = std::filesystem;
    fs::create_directory(folder / "there");
    put_file(folder / "there/file", bytes_of("old"));
    fs::permissions(folder / "there/file", fs::perms(0640));
    fs::create_symlink("there/file", folder / "link");
    fs::create_symlink("link", folder / "second");
    pfad::write_atomically(folder / "second", "new");
    CHECK(fs::is_symlink(folder / "second"));
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(get_file(folder / "there/file") == bytes_of("new"));
    CHECK(fs::status(folder / "there/file").permissions() == fs::perms(0640));
    // A link to nothing yet makes what it names.
    fs::create_symlink("there/made", folder / "dangling");
    pfad::write_atomically(folder / "dangling", "made");
    CHECK(get_file(folder / "there/made") == bytes_of("made"));
    CHECK(fs::is_symlink(folder / "dangling"));
    fs::create_symlink("round", folder / "round");
    CHECK(has(error_of(errc::io, [&] { pfad::write_atomically(folder / "round", ""); }),
              "round: cannot be written: "));
}

TEST_CASE("file: what can be written is known before, and nothing changes", "[io]") {
    const temporary_folder folder;
    pfad::expect_writable(folder / "new");
    CHECK(folder.count() == 0);
    put_file(folder / "old", bytes_of("old"));
    pfad::expect_writable(folder / "old");
    CHECK(get_file(folder / "old") == bytes_of("old"));
    CHECK(has(error_of(errc::io, [&] { pfad::expect_writable(folder / "no/such"); }),
              "no/such: cannot be written: "));
    CHECK(has(error_of(errc::io, [&] { pfad::expect_writable(folder.path().string()); }),
              "is a folder"));
}

TEST_CASE("file: leftovers of killed writes are removed, what is written stays", "[io]") {
    const temporary_folder folder;
    for (const char* const name : {"model.99999-0.tmp", "a.b.1-22.tmp", "seen.7-0.tmp.avi"})
        put_file(folder / name, bytes_of("half"));
    for (const char* const name :
         {"mine.tmp", "1-2.tmp", ".1-2.tmp", "x.1-.tmp", "x.1-2.tm", "x.1-2.tmp.a.b"})
        put_file(folder / name, bytes_of("kept"));
    pfad::atomic_file open(folder / "open");
    open.append(bytes_of("bytes"));
    pfad::remove_leftovers(folder.path().string());
    CHECK(folder.count() == 7);
    open.commit();
    CHECK(get_file(folder / "open") == bytes_of("bytes"));
    pfad::remove_leftovers(folder / "nowhere");
}
