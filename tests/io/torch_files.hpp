// Files that torch.save would write, byte by byte: the zip container and the code of pickles.
#pragma once

#include "io/files.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace io_test {

template <class T>
void put(std::string& to, T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    to.append(raw, sizeof(T));
}

template <class T>
std::string raw(const std::vector<T>& values) {
    std::string text(values.size() * sizeof(T), '\0');
    std::memcpy(text.data(), values.data(), text.size());
    return text;
}

struct zip_part {
    std::string name, data;
};

/// As PyTorch writes it: stored, sizes after the data; with `wide`, all numbers in 64-bit fields.
inline bytes zip(const std::vector<zip_part>& parts, bool wide = false, std::uint16_t method = 0) {
    std::string all, directory;
    for (const zip_part& part : parts) {
        const auto size = static_cast<std::uint32_t>(part.data.size());
        const auto start = static_cast<std::uint32_t>(all.size());
        put(all, 0x04034b50u);
        for (const int field : {20, 8, int(method), 0, 0})
            put(all, static_cast<std::uint16_t>(field));
        for (int zero = 0; zero < 3; ++zero)
            put(all, 0u);
        put(all, static_cast<std::uint16_t>(part.name.size()));
        put(all, std::uint16_t(5)); // padding
        all += part.name + "FB\x01" + std::string(2, '\0') + part.data;
        for (const std::uint32_t number : {0x08074b50u, 0u, size, size})
            put(all, number);
        put(directory, 0x02014b50u);
        for (const int field : {20, 20, 8, int(method), 0, 0})
            put(directory, static_cast<std::uint16_t>(field));
        put(directory, wide ? crc_of(bytes_of(part.data)) : 0u); // 0: none
        put(directory, wide ? 0xffffffffu : size);
        put(directory, wide ? 0xffffffffu : size);
        put(directory, static_cast<std::uint16_t>(part.name.size()));
        for (const int field : {wide ? 28 : 0, 0, 0, 0})
            put(directory, static_cast<std::uint16_t>(field));
        put(directory, 0u);
        put(directory, wide ? 0xffffffffu : start);
        directory += part.name;
        if (wide) {
            put(directory, std::uint16_t(1));
            put(directory, std::uint16_t(24));
            for (const std::uint64_t number : {size, size, start})
                put(directory, std::uint64_t(number));
        }
    }
    const auto begin = all.size();
    all += directory;
    if (wide) {
        const auto record = all.size();
        put(all, 0x06064b50u);
        put(all, std::uint64_t(44));
        put(all, 0u);
        put(all, std::uint64_t(0));
        for (const std::size_t number : {parts.size(), parts.size(), directory.size(), begin})
            put(all, std::uint64_t(number));
        put(all, 0x07064b50u);
        put(all, 0u);
        put(all, std::uint64_t(record));
        put(all, 1u);
    }
    put(all, 0x06054b50u);
    put(all, 0u);
    for (int twice = 0; twice < 2; ++twice)
        put(all, static_cast<std::uint16_t>(wide ? 0xffff : parts.size()));
    put(all, wide ? 0xffffffffu : static_cast<std::uint32_t>(directory.size()));
    put(all, wide ? 0xffffffffu : static_cast<std::uint32_t>(begin));
    put(all, std::uint16_t(0));
    return bytes_of(all);
}

inline std::string text(const std::string& value) {
    std::string code = "X";
    put(code, static_cast<std::uint32_t>(value.size()));
    return code + value;
}
inline std::string number(std::int32_t value) {
    std::string code = "J";
    put(code, value);
    return code;
}
inline std::string tuple(const std::vector<int>& values) {
    std::string code = "(";
    for (const int value : values)
        code += number(value);
    return code + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
    return "c" + module + "\n" + name + "\n";
}

struct tensor_code {
    std::string name, storage_type, key;
    int count, offset;
    std::vector<int> dims, strides;
    std::string device = "cpu"; // where the tensor was saved
};

inline std::string code_of(const tensor_code& t, bool legacy) {
    return text(t.name) + global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") +
           global("torch", t.storage_type) + text(t.key) + text(t.device) + number(t.count) +
           (legacy ? "N" : "") + "tQ" + number(t.offset) + tuple(t.dims) + tuple(t.strides) +
           "\x89" + global("collections", "OrderedDict") + ")RtR";
}

inline std::string pickle(const std::vector<tensor_code>& tensors, bool legacy = false) {
    std::string code = "\x80\x02" + global("collections", "OrderedDict") + ")Rq";
    code += '\0';
    code += "(";
    for (const tensor_code& t : tensors)
        code += code_of(t, legacy);
    // As a module's state dict: with an attribute.
    return code + "u}(" + text("_metadata") + "}ub.";
}

} // namespace io_test
