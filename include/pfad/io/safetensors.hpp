// The safetensors format: 8 bytes of little-endian header length, a JSON object
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [..],
//    "data_offsets": [begin, end]}, ..}
// and the raw elements, row-major, without gaps, offsets counted from the end of the header.
//   errors  errc::io for a malformed file, errc::unsupported for an element type that pfad does
//           not read; the sentence names the file and the tensor
#pragma once

#include <pfad/io/file.hpp>
#include <pfad/io/state_dict.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pfad {
namespace detail {

/// What the header says of one tensor, before any of it is believed.
struct safetensors_claim {
    std::string name;
    std::string type = {};
    std::vector<std::uint64_t> dims;
    std::vector<std::uint64_t> offsets;
    bool has_type = false, has_dims = false, has_offsets = false;
};

/// Receives the events of the JSON parser. A tree of values would hide a name that occurs twice,
/// and takes longer to compile. Every handler returns false to stop.
class safetensors_header {
public:
    std::vector<safetensors_claim> claims;
    std::map<std::string, std::string, std::less<>> metadata;
    std::string problem; ///< empty when all is well

    bool start_object(std::size_t) {
        if (++depth_ > 2 || in_array_)
            return stop(subject() + " holds an object where none belongs");
        return true;
    }
    bool end_object() {
        --depth_;
        if (depth_ == 1 && !in_metadata_) {
            const safetensors_claim& claim = claims.back();
            if (!claim.has_type || !claim.has_dims || !claim.has_offsets)
                return stop(subject() + " lacks its dtype, shape or data_offsets");
        }
        return true;
    }
    bool key(std::string& name) {
        key_ = name;
        if (depth_ != 1)
            return true;
        in_metadata_ = name == "__metadata__";
        if (!in_metadata_)
            claims.emplace_back().name = name;
        return true;
    }
    bool string(std::string& text) {
        if (depth_ == 2 && in_metadata_ && !in_array_) {
            if (!metadata.emplace(key_, text).second)
                return stop("its metadata has `" + key_ + "` twice");
            return true;
        }
        if (depth_ != 2 || in_array_ || key_ != "dtype" || claims.back().has_type)
            return unexpected();
        claims.back().type = text;
        return claims.back().has_type = true;
    }
    bool start_array(std::size_t) {
        if (depth_ != 2 || in_metadata_ || in_array_)
            return unexpected();
        safetensors_claim& claim = claims.back();
        bool& seen = key_ == "shape" ? claim.has_dims : claim.has_offsets;
        if ((key_ != "shape" && key_ != "data_offsets") || seen)
            return unexpected();
        return seen = in_array_ = true;
    }
    bool end_array() {
        in_array_ = false;
        return true;
    }
    bool number_unsigned(std::uint64_t value) {
        if (!in_array_)
            return unexpected();
        (key_ == "shape" ? claims.back().dims : claims.back().offsets).push_back(value);
        return true;
    }
    bool number_integer(std::int64_t) { return number_refused(); }
    bool number_float(double, const std::string&) { return number_refused(); }
    bool null() { return unexpected(); }
    bool boolean(bool) { return unexpected(); }
    using binary_t = nlohmann::json::binary_t;
    bool binary(binary_t&) { return unexpected(); }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
        return stop("its header is not JSON");
    }

private:
    bool stop(const std::string& text) {
        problem = text;
        return false;
    }
    bool unexpected() {
        if (depth_ == 0)
            return stop("its header is not a JSON object");
        return stop(subject() + " has an unexpected value under `" + key_ + "`");
    }
    bool number_refused() {
        if (!in_array_)
            return unexpected();
        return stop(subject() + " has a negative or fractional number in its " + key_);
    }
    [[nodiscard]] std::string subject() const {
        if (in_metadata_)
            return "its metadata";
        return claims.empty() ? "its header" : "tensor `" + claims.back().name + "`";
    }

    int depth_ = 0;
    bool in_array_ = false, in_metadata_ = false;
    std::string key_;
};

/// Checks one claim against the data and turns it into an entry.
[[nodiscard]] inline state_entry
safetensors_entry(const std::string& path, const safetensors_claim& claim, byte_span data) {
    const std::string subject = path + ": tensor `" + claim.name + "`";
    state_entry entry;
    entry.type = dtype::other; // the file may be of use without it
    for (const dtype type :
         {dtype::f32, dtype::f64, dtype::i64, dtype::u8, dtype::f16, dtype::bf16})
        if (claim.type == name_of(type))
            entry.type = type;
    if (entry.type == dtype::other)
        entry.unread = subject + " has dtype " + claim.type.substr(0, 20) +
                       "; pfad reads F32, F64, F16, BF16, I64 and U8";
    // No product beyond this fits a file; extents of zero do not excuse the others.
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max() / 8;
    std::uint64_t count = 1, product = 1;
    for (const std::uint64_t extent : claim.dims) {
        if (extent > most || product > most / std::max<std::uint64_t>(extent, 1))
            fail(errc::io, subject + " has a shape that no memory holds");
        product *= std::max<std::uint64_t>(extent, 1);
        count *= extent;
        entry.dims.push_back(static_cast<std::int64_t>(extent));
    }
    if (claim.offsets.size() != 2 || claim.offsets[0] > claim.offsets[1])
        fail(errc::io, subject + " has data_offsets that are not a begin and an end");
    const std::uint64_t begin = claim.offsets[0], end = claim.offsets[1];
    if (end > data.size())
        fail(errc::io, subject + " ends at byte " + std::to_string(end) + " of only " +
                           std::to_string(data.size()) + " bytes of data; the file is truncated");
    if (entry.type != dtype::other &&
        end - begin != count * static_cast<std::uint64_t>(size_of(entry.type)))
        fail(errc::io, subject + " has " + std::to_string(end - begin) +
                           " bytes, which is not what its shape " + to_string(entry.dims) +
                           " and dtype " + claim.type + " need");
    entry.bytes = data.subspan(begin, end - begin);
    return entry;
}

/// Each byte of the data belongs to one tensor.
inline void check_safetensors_layout(const std::string& path,
                                     std::vector<safetensors_claim>& claims,
                                     std::size_t size) {
    std::sort(claims.begin(), claims.end(),
              [](const auto& a, const auto& b) { return a.offsets < b.offsets; });
    std::uint64_t at = 0;
    for (const safetensors_claim& claim : claims) {
        if (claim.offsets[0] != at)
            fail(errc::io, path + ": tensor `" + claim.name + "` begins at byte " +
                               std::to_string(claim.offsets[0]) + " of the data, not at " +
                               std::to_string(at) + " where the one before it ends");
        at = claim.offsets[1];
    }
    if (at != size)
        fail(errc::io,
             path + ": has " + std::to_string(size - at) + " bytes after the last tensor");
}

} // namespace detail

namespace detail {

/// What a file is by its beginning that claims a header which it cannot have; else "".
[[nodiscard]] inline std::string other_format(byte_span bytes) {
    const auto has = [&](std::size_t at, std::string_view magic) {
        return bytes.size() >= at + magic.size() &&
               std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
    };
    if (has(0, "PK\x03\x04") || has(0, "\x80\x02") || has(0, "\x80\x03") || has(0, "\x80\x04"))
        return "a file of PyTorch or Python";
    if (has(257, "ustar"))
        return "a tar archive";
    if (has(0, "\x1f\x8b"))
        return "compressed by gzip";
    if (has(0, "\x89HDF"))
        return "an HDF5 file";
    if (has(0, "version https://git-lfs"))
        return "a pointer of Git LFS, which stands for a file that was not fetched";
    if (has(0, "<"))
        return "a page of HTML or XML";
    return "";
}

} // namespace detail

/// Reads a safetensors file; the entries share its bytes. Arrays of element types that pfad does not read
/// are dtype::other.
[[nodiscard]] inline state_dict load_safetensors(const std::string& path) {
    // The limit of the format's own reader.
    constexpr std::uint64_t longest_header = 100'000'000;
    const file_content file = read_file(path);
    const byte_span bytes = file.bytes();
    if (bytes.size() < 8)
        fail(errc::io, path + ": is too short for a safetensors file (" +
                           std::to_string(bytes.size()) + " bytes)");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    if (length > longest_header || length > bytes.size() - 8) {
        if (const auto what = detail::other_format(bytes); !what.empty())
            fail(errc::io, path + ": is " + what + ", not a safetensors file");
        fail(errc::io, path + ": claims a header of " + std::to_string(length) + " bytes in " +
                           std::to_string(bytes.size()) +
                           "; it is truncated or not a safetensors file");
    }
    const char* const text = reinterpret_cast<const char*>(bytes.data()) + 8;
    detail::safetensors_header header;
    if (!nlohmann::json::sax_parse(text, text + length, &header))
        fail(errc::io, path + ": " + header.problem);
    const byte_span data = bytes.subspan(8 + length);
    state_dict result{path, {}, std::move(header.metadata)};
    for (const detail::safetensors_claim& claim : header.claims) {
        state_entry entry = detail::safetensors_entry(path, claim, data);
        entry.owner = file.data;
        if (!result.tensors.emplace(claim.name, std::move(entry)).second)
            fail(errc::io, path + ": has tensor `" + claim.name + "` twice");
    }
    detail::check_safetensors_layout(path, header.claims, data.size());
    return result;
}

namespace detail {

/// A JSON string; bytes that are not UTF-8 become replacement characters.
[[nodiscard]] inline std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The header, padded with spaces so that the data begins at a multiple of 8.
[[nodiscard]] inline std::string
safetensors_text(const std::string& path,
                 const state_entries& tensors,
                 const std::map<std::string, std::string, std::less<>>& metadata) {
    std::string text = "{";
    if (!metadata.empty()) {
        text += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata)
            text += (text.back() == '{' ? "" : ",") + json_string(key) + ":" + json_string(value);
        text += "}";
    }
    std::size_t at = 0;
    for (const auto& [name, entry] : tensors) {
        const auto count = element_count(entry.dims);
        std::string dims;
        for (const std::int64_t extent : entry.dims)
            dims += (dims.empty() ? "" : ",") + std::to_string(extent);
        if (entry.type > dtype::u8)
            fail(errc::unsupported,
                 path + ": tensor `" + name + "` has elements of a type that pfad does not write");
        if (name == "__metadata__" || !count ||
            static_cast<std::size_t>(*count * size_of(entry.type)) != entry.bytes.size())
            fail(errc::value, path + ": tensor `" + name +
                                  "` has a reserved name or bytes that do not fit its shape");
        text += (text.size() == 1 ? "" : ",") + json_string(name) + ":{\"dtype\":\"" +
                std::string(name_of(entry.type)) + "\",\"shape\":[" + dims +
                "],\"data_offsets\":[" + std::to_string(at) + "," +
                std::to_string(at + entry.bytes.size()) + "]}";
        at += entry.bytes.size();
    }
    text += "}";
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

} // namespace detail

/// Writes a safetensors file, atomically and without a second copy of the elements. Tensors are in
/// the order of their names.
inline void save_safetensors(const std::string& path,
                             const state_entries& tensors,
                             const std::map<std::string, std::string, std::less<>>& metadata = {}) {
    const std::string text = detail::safetensors_text(path, tensors, metadata);
    const std::uint64_t length = text.size();
    std::vector<byte_span> parts = {{reinterpret_cast<const std::uint8_t*>(&length), 8},
                                    {reinterpret_cast<const std::uint8_t*>(text.data()), length}};
    for (const auto& named : tensors)
        parts.push_back(named.second.bytes);
    write_atomically(path, parts);
}

} // namespace pfad
