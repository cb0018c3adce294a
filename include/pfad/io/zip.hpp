// The entries of a zip archive that are stored as they are, which is how PyTorch writes its files.
// Sizes come from the central directory: a local header may leave them to a later record. A checksum
// of 0 is none: PyTorch may be told to leave them out.
//   errors  errc::io for a damaged archive, errc::unsupported for a compressed entry
#pragma once

#include <pfad/io/crc32.hpp>
#include <pfad/io/file.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>

namespace pfad::detail {

/// Bounds-checked little-endian numbers of one file.
class byte_reader {
public:
    byte_reader(byte_span bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    template <class T>
    [[nodiscard]] T number(std::uint64_t at) const {
        T value;
        std::memcpy(&value, piece(at, sizeof(T)).data(), sizeof(T));
        return value;
    }
    [[nodiscard]] byte_span piece(std::uint64_t at, std::uint64_t size) const {
        if (at > bytes_.size() || size > bytes_.size() - at)
            fail(errc::io, path_ + ": is truncated or damaged");
        return bytes_.subspan(at, size);
    }
    [[nodiscard]] std::string text(std::uint64_t at, std::uint64_t size) const {
        const byte_span found = piece(at, size);
        return {found.begin(), found.end()};
    }
    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }

private:
    byte_span bytes_;
    const std::string& path_;
};

/// Where the central directory is.
struct zip_directory {
    std::uint64_t count = 0, offset = 0;
};

[[nodiscard]] inline zip_directory find_zip_directory(const byte_reader& file,
                                                      const std::string& path) {
    // The end record has 22 bytes and a comment of up to 65535, at the very end.
    constexpr std::uint64_t record = 22, comment = 65535;
    const std::uint64_t last = file.size() < record ? 0 : file.size() - record;
    for (std::uint64_t back = 0; back <= comment && back <= last; ++back) {
        const std::uint64_t at = last - back;
        if (file.number<std::uint32_t>(at) != 0x06054b50)
            continue;
        zip_directory found = {file.number<std::uint16_t>(at + 10),
                               file.number<std::uint32_t>(at + 16)};
        // Saturated fields, or a locator in front: the real ones are in the 64-bit record.
        if (at >= 20 && file.number<std::uint32_t>(at - 20) == 0x07064b50) {
            const std::uint64_t wide = file.number<std::uint64_t>(at - 12);
            if (file.number<std::uint32_t>(wide) != 0x06064b50)
                break;
            found = {file.number<std::uint64_t>(wide + 32), file.number<std::uint64_t>(wide + 48)};
        }
        return found;
    }
    fail(errc::io, path + ": is a truncated zip archive, its directory is missing");
}

/// One record of the central directory.
struct zip_entry {
    std::string name;
    std::uint64_t packed = 0, size = 0, header = 0, next = 0;
    std::uint32_t checksum = 0;
    std::uint16_t flags = 0, method = 0;
};

[[nodiscard]] inline zip_entry
read_zip_entry(const byte_reader& file, std::uint64_t at, const std::string& path) {
    if (file.number<std::uint32_t>(at) != 0x02014b50)
        fail(errc::io, path + ": is a zip archive with a damaged directory");
    const std::uint64_t name = file.number<std::uint16_t>(at + 28);
    const std::uint64_t extra = file.number<std::uint16_t>(at + 30);
    zip_entry entry;
    entry.name = file.text(at + 46, name);
    entry.checksum = file.number<std::uint32_t>(at + 16);
    entry.packed = file.number<std::uint32_t>(at + 20);
    entry.size = file.number<std::uint32_t>(at + 24);
    entry.header = file.number<std::uint32_t>(at + 42);
    entry.next = at + 46 + name + extra + file.number<std::uint16_t>(at + 32);
    entry.flags = file.number<std::uint16_t>(at + 8);
    entry.method = file.number<std::uint16_t>(at + 10);
    // The zip64 field holds, in this order, those numbers that are saturated above.
    for (std::uint64_t field = at + 46 + name, end = field + extra; field + 4 <= end;) {
        std::uint64_t value = field + 4;
        if (file.number<std::uint16_t>(field) == 1)
            for (std::uint64_t* const number : {&entry.size, &entry.packed, &entry.header})
                if (*number == 0xffffffffu) {
                    *number = file.number<std::uint64_t>(value);
                    value += 8;
                }
        field += 4 + std::uint64_t(file.number<std::uint16_t>(field + 2));
    }
    return entry;
}

/// Name to bytes, for every entry of the archive.
[[nodiscard]] inline std::map<std::string, byte_span, std::less<>>
read_stored_zip(byte_span bytes, const std::string& path) {
    const byte_reader file(bytes, path);
    const zip_directory directory = find_zip_directory(file, path);
    std::map<std::string, byte_span, std::less<>> entries;
    std::uint64_t at = directory.offset;
    for (std::uint64_t i = 0; i < directory.count; ++i) {
        zip_entry entry = read_zip_entry(file, at, path);
        at = entry.next;
        if (entry.method != 0 || (entry.flags & 1) != 0 || entry.packed != entry.size)
            fail(errc::unsupported, path + ": its entry `" + entry.name.substr(0, 200) +
                                        "` is compressed or encrypted, which PyTorch does not do");
        if (file.number<std::uint32_t>(entry.header) != 0x04034b50)
            fail(errc::io, path + ": is a zip archive with a damaged entry");
        const std::uint64_t data = entry.header + 30 +
                                   file.number<std::uint16_t>(entry.header + 26) +
                                   file.number<std::uint16_t>(entry.header + 28);
        const byte_span content = file.piece(data, entry.size);
        if (entry.checksum != 0 && crc32(content) != entry.checksum)
            fail(errc::io, path + ": is damaged: the checksum of its entry `" +
                               entry.name.substr(0, 200) + "` does not fit its data");
        entries.emplace(std::move(entry.name), content);
    }
    return entries;
}

} // namespace pfad::detail
