// Test pictures in folders of one's own: good and bad ones in a folder each, or listed in a CSV file.
//   masks   all bad pictures have one or none has; without, a test_item's mask is empty
//   errors  errc::io, with the path and, of a CSV file, the line
#pragma once

#include <pfad/data/mvtec.hpp>
#include <pfad/io/file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace pfad::data {

/// The pictures of two folders, each sorted, with masks as find_mask() finds them; `masks` is empty where
/// there are none.
[[nodiscard]] inline std::vector<test_item>
list_labelled_folders(const std::filesystem::path& good,
                      const std::filesystem::path& bad,
                      const std::filesystem::path& masks,
                      passed_over* others = nullptr) {
    std::vector<test_item> result;
    std::error_code absent;
    const auto same = [&](const auto& a, const auto& b) {
        return std::filesystem::equivalent(a, b, absent);
    };
    if (same(good, bad))
        fail(errc::io, bad.string() + ": is the folder of the good pictures, too");
    if (!masks.empty() && (same(good, masks) || same(bad, masks)))
        fail(errc::io, masks.string() + ": is a folder of pictures; masks have one of their own");
    for (const auto& picture : list_pictures(good, others))
        result.push_back({picture, "good", {}});
    if (!masks.empty())
        expect_folder(masks);
    for (const auto& picture : list_pictures(bad, others))
        result.push_back({picture, "bad", masks.empty() ? masks : find_mask(masks, picture)});
    return result;
}

/// A line of a CSV file that is not blank.
struct csv_row {
    int line = 0;                    ///< where it begins, from 1
    std::vector<std::string> fields; ///< without quotes
};

/// UTF-8 of a text in UTF-8 or, by its byte-order mark, UTF-16; without the mark.
[[nodiscard]] inline std::string text_of(const std::string& path, byte_span bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool little = text.starts_with("\xff\xfe"), big = text.starts_with("\xfe\xff");
    std::string result;
    if (!little && !big) {
        if (text.starts_with("\xef\xbb\xbf"))
            text.remove_prefix(3);
        if (text.find('\0') != std::string_view::npos)
            fail(errc::io, path + ": is not a text: it has zero bytes; save it as CSV in UTF-8");
        return result = text;
    }
    if (text.size() % 2 != 0)
        fail(errc::io, path + ": is a text in UTF-16 of an odd number of bytes");
    const auto unit = [&](std::size_t at) {
        return std::uint32_t(bytes[at + (little ? 1 : 0)]) << 8 | bytes[at + (little ? 0 : 1)];
    };
    for (std::size_t at = 2; at < bytes.size(); at += 2) {
        std::uint32_t c = unit(at);
        if (c >= 0xd800 && c < 0xe000) {
            const std::uint32_t low = at + 2 < bytes.size() ? unit(at + 2) : 0;
            if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
                fail(errc::io, path + ": is a damaged text in UTF-16");
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            at += 2;
        }
        const auto put = [&](std::uint32_t byte) { result += static_cast<char>(byte); };
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xc0 | c >> 6);
            put(0x80 | (c & 63));
        } else {
            if (c < 0x10000) {
                put(0xe0 | c >> 12);
            } else {
                put(0xf0 | c >> 18);
                put(0x80 | (c >> 12 & 63));
            }
            put(0x80 | (c >> 6 & 63));
            put(0x80 | (c & 63));
        }
    }
    return result;
}

/// What separates the fields of a CSV text: of comma, semicolon and tab the one that its first line has
/// most of outside of quotes; a comma where it has none.
[[nodiscard]] inline char csv_separator(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
    std::string line;
    bool quoted = false;
    for (const char c : text.substr(0, text.find_first_of("\r\n"))) {
        quoted ^= c == '"';
        if (!quoted)
            line += c;
    }
    const auto count = [&](char c) { return std::count(line.begin(), line.end(), c); };
    char most = ',';
    for (const char other : {';', '\t'})
        most = count(other) > count(most) ? other : most;
    return most;
}

/// Text of values separated by commas, semicolons or tabs: a field with these, quotes or line breaks
/// stands in quotes, a quote in it is doubled; blanks around a field are dropped. `path` is for messages.
[[nodiscard]] inline std::vector<csv_row> parse_csv(const std::string& path,
                                                    std::string_view text) {
    const char separator = csv_separator(text);
    std::vector<csv_row> rows;
    csv_row row{1, {}};
    std::string field;
    int line = 1;
    bool quoted = false, blank = true;
    const auto end_field = [&] {
        const auto first = field.find_first_not_of(" \t\r");
        const auto last = field.find_last_not_of(" \t\r");
        row.fields.push_back(first == std::string::npos ? ""
                                                        : field.substr(first, last - first + 1));
        field.clear();
    };
    const auto end_row = [&] {
        end_field();
        if (!blank)
            rows.push_back(row);
        row = {line, {}};
        blank = true;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        // A carriage return alone ends a line, too, as old spreadsheets write it.
        const bool alone = text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n');
        const char c = alone ? '\n' : text[i];
        line += c == '\n';
        blank &= c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"')
            field += text[i++];
        else if (c == '"' && (quoted || field.find_first_not_of(" \t") == std::string::npos))
            quoted = !quoted;
        else if (c == '"')
            fail(errc::io, path + ": line " + std::to_string(line) +
                               ": a quote within a field that does not begin with one");
        else if (c == separator && !quoted)
            end_field();
        else if (c == '\n' && !quoted)
            end_row();
        else
            field += c;
    }
    if (quoted)
        fail(errc::io, path + ": line " + std::to_string(row.line) + ": a quote is not closed");
    end_row();
    return rows;
}

namespace detail {

/// "`a`, `b`".
[[nodiscard]] inline std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names)
        text += (text.empty() ? "`" : ", `") + name + "`";
    return text;
}

/// The column of a name in upper or lower case, -1 where there is none.
inline int column_of(const std::string& path, const csv_row& header, std::string_view name) {
    int found = -1;
    for (std::size_t i = 0; i < header.fields.size(); ++i)
        if (lower_case(header.fields[i]) == name) {
            if (found >= 0)
                fail(errc::io, path + ": has the column `" + std::string(name) + "` twice");
            found = static_cast<int>(i);
        }
    return found;
}

/// "good", "bad" or, for a label that is neither, "". 0 and 1 are neither: both ways are in use.
[[nodiscard]] inline std::string kind_of_label(const std::string& label) {
    constexpr std::array<std::string_view, 5> good = {"good", "ok", "normal", "pass", "io"};
    constexpr std::array<std::string_view, 10> bad = {
        "bad",    "ng",        "nok",     "nio",       "fail",
        "defect", "defective", "anomaly", "anomalous", "abnormal"};
    const std::string name = lower_case(label);
    return std::ranges::count(good, name) > 0  ? "good"
           : std::ranges::count(bad, name) > 0 ? "bad"
                                               : "";
}

} // namespace detail

/// The pictures of a CSV file whose first line names its columns, in upper or lower case: `path`, `label`
/// (good or bad; ok, ng and the like will do) and, where there are masks, `mask`; others are passed over.
/// Paths are relative to its folder. The text is UTF-8 or UTF-16, with commas, semicolons or tabs.
[[nodiscard]] inline std::vector<test_item> list_labelled_csv(const std::filesystem::path& csv) {
    const std::string path = csv.string();
    const auto rows = parse_csv(path, text_of(path, read_file(path).bytes()));
    if (rows.size() < 2)
        fail(errc::io, path + ": lists no picture");
    const int picture = detail::column_of(path, rows[0], "path");
    const int label = detail::column_of(path, rows[0], "label");
    const int mask = detail::column_of(path, rows[0], "mask");
    for (const auto& [column, name] : {std::pair(picture, "path"), {label, "label"}})
        if (column < 0)
            fail(errc::io, path + ": its first line has no column `" + name + "`, but " +
                               detail::listed(rows[0].fields) +
                               "; it names path, label and, where there are masks, mask");
    std::vector<test_item> result;
    std::map<std::filesystem::path, int> lines; // of the pictures
    int bad = 0, masked = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const auto& [line, fields] = rows[i];
        const auto reject = [&, at = line](const std::string& what) {
            fail(errc::io, path + ": line " + std::to_string(at) + ": " + what);
        };
        if (fields.size() != rows[0].fields.size())
            reject("has " + std::to_string(fields.size()) + " fields, and the first line " +
                   std::to_string(rows[0].fields.size()));
        const auto& name = fields[static_cast<std::size_t>(picture)];
        const auto& word = fields[static_cast<std::size_t>(label)];
        const std::string kind = detail::kind_of_label(word);
        const std::string mask_name = mask < 0 ? "" : fields[static_cast<std::size_t>(mask)];
        if (name.empty())
            reject("the path is empty");
        if (kind.empty())
            reject("the label is `" + word + "`, and not good or bad (ok or ng, normal or defect)");
        if (kind == "good" && !mask_name.empty())
            reject("a good picture has no mask");
        test_item item{csv.parent_path() / name, kind, {}};
        std::error_code ignored;
        if (!std::filesystem::is_regular_file(item.picture, ignored))
            reject("there is no file " + item.picture.string());
        if (const auto [first, is_new] = lines.try_emplace(item.picture.lexically_normal(), line);
            !is_new)
            reject("lists the picture of line " + std::to_string(first->second) + " again");
        if (!mask_name.empty())
            item.mask = csv.parent_path() / mask_name;
        if (!mask_name.empty() && !std::filesystem::is_regular_file(item.mask, ignored))
            reject("there is no file " + item.mask.string());
        bad += kind == "bad";
        masked += !mask_name.empty();
        if (masked != 0 && masked != bad)
            reject("bad pictures with a mask and without; either all have one or none has");
        result.push_back(item);
    }
    return result;
}

} // namespace pfad::data
