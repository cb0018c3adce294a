// Test pictures in folders of one's own: good and bad ones in a folder each, or listed in a CSV file.
//   masks   all bad pictures have one or none has; without, a test_item's mask is empty
//   errors  errc::io, with the path and, of a CSV file, the line
#pragma once

#include <pfad/data/mvtec.hpp>
#include <pfad/io/file.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace pfad::data {

/// The pictures of two folders, each sorted. The mask of BAD/NAME.* is MASKS/NAME_mask.png or
/// MASKS/NAME.png; `masks` is empty where there are none.
[[nodiscard]] inline std::vector<test_item>
list_labelled_folders(const std::filesystem::path& good,
                      const std::filesystem::path& bad,
                      const std::filesystem::path& masks) {
    std::vector<test_item> result;
    std::error_code absent;
    const auto same = [&](const auto& a, const auto& b) {
        return std::filesystem::equivalent(a, b, absent);
    };
    if (same(good, bad))
        fail(errc::io, bad.string() + ": is the folder of the good pictures, too");
    if (!masks.empty() && (same(good, masks) || same(bad, masks)))
        fail(errc::io, masks.string() + ": is a folder of pictures; masks have one of their own");
    for (const auto& picture : list_pictures(good))
        result.push_back({picture, "good", {}});
    if (!masks.empty())
        expect_folder(masks);
    for (const auto& picture : list_pictures(bad)) {
        test_item item{picture, "bad", {}};
        std::error_code ignored;
        if (!masks.empty()) {
            const auto plain = masks / (picture.stem().string() + ".png");
            item.mask = masks / (picture.stem().string() + "_mask.png");
            if (!std::filesystem::is_regular_file(item.mask, ignored))
                item.mask = plain;
            if (!std::filesystem::is_regular_file(item.mask, ignored))
                fail(errc::io, picture.string() + ": its mask is missing, " + plain.string() +
                                   " or NAME_mask.png");
        }
        result.push_back(item);
    }
    return result;
}

/// A line of a CSV file that is not blank.
struct csv_row {
    int line = 0;                    ///< where it begins, from 1
    std::vector<std::string> fields; ///< without quotes
};

/// Text of comma-separated values: a field with commas, quotes or line breaks stands in quotes, a
/// quote in it is doubled; blanks around a field are dropped. `path` is for messages.
[[nodiscard]] inline std::vector<csv_row> parse_csv(const std::string& path,
                                                    std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
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
        const char c = text[i];
        line += c == '\n';
        blank &= c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"')
            field += text[i++];
        else if (c == '"' && (quoted || field.find_first_not_of(" \t") == std::string::npos))
            quoted = !quoted;
        else if (c == '"')
            fail(errc::io, path + ": line " + std::to_string(line) +
                               ": a quote within a field that does not begin with one");
        else if (c == ',' && !quoted)
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

/// The column of a name, -1 where there is none.
inline int column_of(const std::string& path, const csv_row& header, std::string_view name) {
    const auto& names = header.fields;
    if (std::count(names.begin(), names.end(), name) > 1)
        fail(errc::io, path + ": has the column `" + std::string(name) + "` twice");
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

} // namespace detail

/// The pictures of a CSV file whose first line names its columns: `path`, `label` (good or bad)
/// and, where there are masks, `mask`; others are passed over. Paths are relative to its folder.
[[nodiscard]] inline std::vector<test_item> list_labelled_csv(const std::filesystem::path& csv) {
    const std::string path = csv.string();
    const auto content = read_file(path);
    const auto rows =
        parse_csv(path, {reinterpret_cast<const char*>(content.bytes().data()), content.size});
    if (rows.size() < 2)
        fail(errc::io, path + ": lists no picture");
    const int picture = detail::column_of(path, rows[0], "path");
    const int label = detail::column_of(path, rows[0], "label");
    const int mask = detail::column_of(path, rows[0], "mask");
    for (const auto& [column, name] : {std::pair(picture, "path"), {label, "label"}})
        if (column < 0)
            fail(errc::io, path + ": its first line has no column `" + name +
                               "`; it names path, label and, where there are masks, mask");
    std::vector<test_item> result;
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
        const auto& kind = fields[static_cast<std::size_t>(label)];
        const std::string mask_name = mask < 0 ? "" : fields[static_cast<std::size_t>(mask)];
        if (name.empty())
            reject("the path is empty");
        if (kind != "good" && kind != "bad")
            reject("the label is `" + kind + "`, and not good or bad");
        if (kind == "good" && !mask_name.empty())
            reject("a good picture has no mask");
        test_item item{csv.parent_path() / name, kind, {}};
        std::error_code ignored;
        if (!std::filesystem::is_regular_file(item.picture, ignored))
            reject("there is no file " + item.picture.string());
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
