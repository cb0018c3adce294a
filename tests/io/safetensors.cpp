#include "io/files.hpp"

#include <pfad/io/safetensors.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace io_test;
using pfad::errc;

namespace {

/// A file from its header text and a number of data bytes.
bytes file_with(const std::string& header, std::size_t data) {
    bytes all(8);
    for (std::size_t i = 0; i < 8; ++i)
        all[i] = static_cast<std::uint8_t>(header.size() >> (8 * i));
    all.insert(all.end(), header.begin(), header.end());
    all.resize(all.size() + data);
    return all;
}

std::string entry(const std::string& name,
                  const std::string& type,
                  const std::string& dims,
                  const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + dims +
           ",\"data_offsets\":" + offsets + "}";
}

pfad::state_entries example() {
    pfad::state_entries tensors;
    tensors["w"] = pfad::owned_entry<float>({1.5f, -2, 3, 4, 5, 6}, {2, 3});
    tensors["a.double"] = pfad::owned_entry<double>({0.1, INFINITY}, {2});
    tensors["count"] = pfad::owned_entry<std::int64_t>({-7}, {});
    tensors["mask \"x\"\n\xc3\xa9"] = pfad::owned_entry<std::uint8_t>({1, 2, 255}, {3, 1});
    tensors["empty"] = pfad::owned_entry<float>({}, {0, 4});
    return tensors;
}

} // namespace

TEST_CASE("safetensors: what is saved comes back", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "m.safetensors";
    pfad::save_safetensors(path, example(), {{"format", "pt"}, {"text", "a \"b\" \\ \x01"}});
    const pfad::state_dict back = pfad::load_safetensors(path);
    CHECK(back.tensors.size() == 5);
    CHECK(back.at("w").values<float>() == std::vector<float>{1.5f, -2, 3, 4, 5, 6});
    CHECK(back.at("w").dims == std::vector<std::int64_t>{2, 3});
    CHECK(back.at("a.double").values<double>() == std::vector<double>{0.1, INFINITY});
    CHECK(back.at("a.double").values<float>()[0] == 0.1f);
    CHECK(back.at("count").values<std::int64_t>() == std::vector<std::int64_t>{-7});
    CHECK(back.at("count").values<float>() == std::vector<float>{-7});
    CHECK(back.at("count").dims.empty());
    CHECK(back.at("mask \"x\"\n\xc3\xa9").values<std::uint8_t>() ==
          std::vector<std::uint8_t>{1, 2, 255});
    CHECK(back.at("empty").size() == 0);
    CHECK(back.metadata.at("text") == "a \"b\" \\ \x01");
    // Saving what was loaded gives the same bytes.
    pfad::save_safetensors(folder / "again", back.tensors, back.metadata);
    CHECK(get_file(folder / "again") == get_file(path));
}

TEST_CASE("safetensors: the bytes are those of the format", "[io]") {
    const temporary_folder folder;
    const float values[] = {1, 2};
    pfad::state_entries tensors;
    tensors["x"] = pfad::borrowed_entry(pfad::view<const float, 2>{values, {{1, 2}}});
    pfad::save_safetensors(folder / "m", tensors, {{"k", "v"}});
    std::string header = "{\"__metadata__\":{\"k\":\"v\"},"
                         "\"x\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    bytes expected = file_with(header, 0);
    for (const int byte : {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40})
        expected.push_back(static_cast<std::uint8_t>(byte));
    CHECK(get_file(folder / "m") == expected);
}

TEST_CASE(
    "safetensors: halves are read, and what cannot be read is no matter until it is asked for",
    "[io]") {
    const temporary_folder folder;
    bytes file = file_with("{" + entry("a", "F16", "[4]", "[0,8]") + "," +
                               entry("b", "BF16", "[4]", "[8,16]") + "," +
                               entry("c", "F8_E4M3", "[8]", "[16,24]") + "}",
                           24);
    const std::vector<std::uint16_t> halves = {0x3c00, 0xc100, 0x0001, 0x7c00,  // F16
                                               0x3f80, 0xc020, 0x0001, 0xff80}; // BF16
    std::memcpy(file.data() + file.size() - 24, halves.data(), 16);
    put_file(folder / "w", file);
    const auto loaded = pfad::load_safetensors(folder / "w");
    constexpr float infinity = std::numeric_limits<float>::infinity();
    CHECK(loaded.at("a").values<float>() ==
          std::vector<float>{1, -2.5f, std::ldexp(1.0f, -24), infinity});
    CHECK(loaded.at("b").values<float>() ==
          std::vector<float>{1, -2.5f, std::ldexp(1.0f, -133), -infinity});
    CHECK(
        has(error_of(errc::unsupported, [&] { static_cast<void>(loaded.at("c").values<float>()); }),
            "tensor `c` has dtype F8_E4M3; pfad reads"));
    CHECK(has(
        error_of(errc::unsupported, [&] { pfad::save_safetensors(folder / "x", loaded.tensors); }),
        "of a type that pfad does not write"));
}

TEST_CASE("safetensors: a name with a line break stays on one line", "[io]") {
    const temporary_folder folder;
    put_file(folder / "w", file_with("{\"a\\nb\":{}}", 0));
    const auto said =
        error_of(errc::io, [&] { static_cast<void>(pfad::load_safetensors(folder / "w")); });
    CHECK(has(said, "tensor `a?b` lacks its dtype"));
}

TEST_CASE("safetensors: other formats are called by their names", "[io]") {
    const temporary_folder folder;
    // A length may look like one of them: 0x0280 begins as a pickle does.
    put_file(folder / "w", file_with("{" + std::string(0x0280 - 2, ' ') + "}", 0));
    CHECK(pfad::load_safetensors(folder / "w").tensors.empty());
    const auto said = [&](std::string_view beginning) {
        bytes file = bytes_of(beginning);
        file.resize(600);
        put_file(folder / "w", file);
        return error_of(errc::io, [&] { static_cast<void>(pfad::load_safetensors(folder / "w")); });
    };
    CHECK(has(said("PK\x03\x04"), "is a file of PyTorch or Python, not a safetensors file"));
    CHECK(has(said("\x80\x02\x8a"), "is a file of PyTorch or Python"));
    CHECK(has(said("version https://git-lfs.github.com/spec/v1"), "is a pointer of Git LFS"));
    CHECK(has(said("<!DOCTYPE html>"), "is a page of HTML"));
    CHECK(has(said("\xff\xff\xff\xff\xff\xff\xff\xff"), "not a safetensors file"));
}

TEST_CASE("safetensors: a file without tensors is a file", "[io]") {
    const temporary_folder folder;
    pfad::save_safetensors(folder / "m", {});
    CHECK(pfad::load_safetensors(folder / "m").tensors.empty());
    CHECK(get_file(folder / "m").size() == 16);
}

TEST_CASE("safetensors: every malformed header is one sentence with the file", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "bad.safetensors";
    const auto sentence = [&](const bytes& content, errc code = errc::io) {
        put_file(path, content);
        const std::string text =
            error_of(code, [&] { static_cast<void>(pfad::load_safetensors(path)); });
        CHECK(text.starts_with(path + ": "));
        CHECK(!has(text, "\n"));
        return text;
    };
    const auto header = [&](const std::string& entries, std::size_t data = 8) {
        return sentence(file_with("{" + entries + "}", data));
    };
    CHECK(has(sentence({}), "too short"));
    CHECK(has(sentence(bytes(7)), "7 bytes"));
    CHECK(has(sentence({255, 255, 255, 255, 255, 255, 255, 127, 0}), "claims a header of 9223372"));
    CHECK(has(sentence({9, 0, 0, 0, 0, 0, 0, 0, '{', '}'}), "claims a header of 9 bytes"));
    CHECK(has(sentence(file_with("", 0)), "not JSON"));
    CHECK(has(sentence(file_with("{\"a\"", 0)), "not JSON"));
    CHECK(has(sentence(file_with("hello", 0)), "not JSON"));
    CHECK(has(sentence(file_with("[]", 0)), "not a JSON object"));
    CHECK(has(sentence(file_with("3", 0)), "not a JSON object"));
    CHECK(has(sentence(file_with("{\"\xff\":1}", 0)), "not JSON"));
    CHECK(has(header("\"a\":3"), "`a` has an unexpected value"));
    CHECK(has(header("\"a\":{}"), "lacks its dtype"));
    CHECK(has(header("\"a\":{\"dtype\":\"F32\"}"), "lacks its dtype"));
    CHECK(has(header("\"a\":{\"dtype\":{}}"), "holds an object"));
    CHECK(has(header("\"__metadata__\":{\"a\":1}"), "metadata has an unexpected"));
    CHECK(has(header("\"__metadata__\":{\"a\":\"\",\"a\":\"\"}"), "`a` twice"));
    CHECK(has(header(entry("a", "F32", "[-2]", "[0,8]")), "negative"));
    CHECK(has(header(entry("a", "F32", "[2.0]", "[0,8]")), "negative or fractional"));
    CHECK(has(header(entry("a", "F32", "[4294967296,4294967296]", "[0,8]")), "no memory"));
    CHECK(has(header(entry("a", "F32", "[0,4294967296,4294967296]", "[0,0]")), "no memory"));
    CHECK(has(header(entry("a", "F32", "[18446744073709551615]", "[0,8]")), "no memory"));
    CHECK(has(header(entry("a", "F32", "[[2]]", "[0,8]")), "unexpected"));
    CHECK(has(header(entry("a", "F32", "[2]", "[0,9]")), "truncated"));
    CHECK(has(header(entry("a", "F32", "[2]", "[8,0]")), "not a begin and an end"));
    CHECK(has(header(entry("a", "F32", "[2]", "[0]")), "not a begin and an end"));
    CHECK(has(header(entry("a", "F32", "[3]", "[0,8]")), "its shape (3) and dtype F32"));
    CHECK(has(header(entry("a", "F32", "[1]", "[0,4]")), "4 bytes after the last tensor"));
    CHECK(has(header(entry("a", "F32", "[1]", "[4,8]")), "begins at byte 4"));
    CHECK(has(header(entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[1]", "[4,8]")),
              "`b` begins at byte 4"));
    CHECK(has(header(entry("a", "F32", "[1]", "[0,4]") + "," + entry("a", "F32", "[1]", "[4,8]")),
              "`a` twice"));
}

TEST_CASE("safetensors: truncated anywhere or with a byte changed, it fails or loads", "[io]") {
    const temporary_folder folder;
    const std::string good = folder / "good", bad = folder / "bad";
    pfad::save_safetensors(good, example(), {{"k", "v"}});
    const bytes whole = get_file(good);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put_file(bad, bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        CHECK(!error_of(errc::io, [&] { static_cast<void>(pfad::load_safetensors(bad)); }).empty());
    }
    std::mt19937 random(1);
    for (int round = 0; round < 500; ++round) {
        bytes changed = whole;
        changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        put_file(bad, changed);
        try {
            for (const auto& named : pfad::load_safetensors(bad).tensors)
                static_cast<void>(named.second.values<double>());
        } catch (const pfad::error& e) {
            CHECK(has(e.what(), bad));
        }
    }
}

TEST_CASE("safetensors: a missing tensor and another shape are named", "[io]") {
    const temporary_folder folder;
    const std::string path = folder / "m";
    pfad::save_safetensors(path, example());
    const pfad::state_dict file = pfad::load_safetensors(path);
    CHECK(error_of(errc::io, [&] { static_cast<void>(file.at("v")); }) ==
          path + ": has no tensor `v`");
    const std::int64_t right[] = {2, 3}, wrong[] = {3, 2};
    CHECK(file.at("w", right).size() == 6);
    CHECK(error_of(errc::shape, [&] { static_cast<void>(file.at("w", wrong)); }) ==
          path + ": tensor `w` has shape (2, 3), not (3, 2)");
    CHECK(
        has(error_of(errc::value, [&] { static_cast<void>(file.at("w").values<std::int64_t>()); }),
            "F32 elements cannot be read as I64"));
}

TEST_CASE("safetensors: an entry that does not fit its shape is not written", "[io]") {
    const temporary_folder folder;
    pfad::state_entries tensors = example();
    constexpr std::int64_t large = std::int64_t(1) << 32;
    using extents = std::vector<std::int64_t>;
    for (const auto& dims :
         {extents{7}, extents{-2, -3}, extents{large, large}, extents{0, large, large}}) {
        tensors["w"].dims = dims;
        CHECK(has(error_of(errc::value, [&] { pfad::save_safetensors(folder / "m", tensors); }),
                  "tensor `w`"));
        CHECK(has(
            error_of(errc::value, [&] { static_cast<void>(pfad::owned_entry<float>({}, dims)); }),
            "owned_entry"));
    }
    CHECK(folder.count() == 0);
}
