// State dicts that PyTorch saved (torchvision's resnet18-*.pth): the zip container of version 1.6
// on, and the sequence of pickles before it. The pickle is read as data; nothing in it is run.
//   errors  errc::io for a damaged file, errc::unsupported for element types and objects that are
//           not part of a state dict; the sentence names the file and the tensor
#pragma once

#include <pfad/io/file.hpp>
#include <pfad/io/pickle.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/io/state_dict.hpp>
#include <pfad/io/zip.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad {
namespace detail {

/// Key of a storage to its bytes.
using torch_storages = std::map<std::string, byte_span, std::less<>>;

/// Turns the values of a pickle into entries.
class torch_object {
public:
    /// Arrays that are not in row-major order are copied, as many bytes as the file has at most:
    /// else tensors that share a storage could ask for any amount of memory.
    torch_object(const pickle_reader& pickle, const std::string& path, std::uint64_t file_size)
        : pickle_(pickle), path_(path), left_to_copy_(file_size) {}

    /// The element type and the key of a storage value, and its number of elements.
    struct storage_facts {
        dtype type;
        std::string key;
        std::uint64_t count;
        std::uint64_t width = 0; ///< bytes of an element; 0 where they are not known
        std::string name = {};   ///< of dtype::other
    };
    [[nodiscard]] storage_facts storage(const pickle_value& value,
                                        const std::string& subject) const {
        if (value.kind != pickle_kind::storage || value.items.size() < 5)
            fail(errc::io, subject + " has a damaged storage");
        const auto part = [&](std::size_t i) -> const pickle_value& {
            return pickle_.at(value.items[i]);
        };
        if (value.items.size() > 5 && part(5).kind != pickle_kind::none)
            fail(errc::unsupported, subject + " is a view of another storage");
        if (part(3).kind != pickle_kind::text || part(4).kind != pickle_kind::integer ||
            part(4).integer < 0)
            fail(errc::io, subject + " has a damaged storage");
        storage_facts facts = {dtype::f32, key_of(value), std::uint64_t(part(4).integer)};
        const std::string& name = part(1).text;
        if (name == "torch.DoubleStorage")
            facts.type = dtype::f64;
        else if (name == "torch.LongStorage")
            facts.type = dtype::i64;
        else if (name == "torch.ByteStorage")
            facts.type = dtype::u8;
        else if (name == "torch.HalfStorage")
            facts.type = dtype::f16;
        else if (name == "torch.BFloat16Storage")
            facts.type = dtype::bf16;
        else if (name != "torch.FloatStorage") {
            facts.type = dtype::other;
            facts.name = name.empty() ? "an unknown storage" : name;
            facts.width = name == "torch.BoolStorage" || name == "torch.CharStorage" ? 1
                          : name == "torch.ShortStorage"                             ? 2
                          : name == "torch.IntStorage"                               ? 4
                          : name == "torch.ComplexFloatStorage"                      ? 8
                                                                                     : 0;
            return facts;
        }
        facts.width = static_cast<std::uint64_t>(size_of(facts.type));
        return facts;
    }
    [[nodiscard]] std::string key_of(const pickle_value& value) const {
        return pickle_.at(value.items[2]).text;
    }

    [[nodiscard]] state_entry entry(const std::string& name,
                                    const pickle_value& value,
                                    const torch_storages& storages,
                                    const std::shared_ptr<const void>& owner) {
        const std::string subject = path_ + ": tensor `" + name + "`";
        if (value.kind != pickle_kind::tensor)
            fail(errc::unsupported, path_ + ": `" + name + "` is not a tensor");
        const storage_facts facts = storage(pickle_.at(value.items[0]), subject);
        const auto found = storages.find(facts.key);
        state_entry result;
        result.type = facts.type;
        if (facts.type == dtype::other) {
            result.dims = numbers(pickle_.at(value.items[2]), subject);
            result.unread = subject + " is in " + facts.name +
                            "; pfad reads Float, Double, Half, BFloat16, Long and Byte";
            return result;
        }
        const std::uint64_t width = facts.width;
        if (found == storages.end() || found->second.size() / width < facts.count)
            fail(errc::io, subject + " has missing or too few elements; the file is truncated");
        result.dims = numbers(pickle_.at(value.items[2]), subject);
        const std::vector<std::int64_t> strides = numbers(pickle_.at(value.items[3]), subject);
        const pickle_value& offset = pickle_.at(value.items[1]);
        constexpr std::size_t most_axes = 16;
        if (strides.size() != result.dims.size() || strides.size() > most_axes ||
            offset.kind != pickle_kind::integer)
            fail(errc::io, subject + " has a damaged shape");
        const std::uint64_t first =
            check_extent(facts.count, offset.integer, result.dims, strides, subject);
        gather(result, strides, found->second.subspan(first * width), owner, subject);
        return result;
    }

private:
    [[nodiscard]] std::vector<std::int64_t> numbers(const pickle_value& value,
                                                    const std::string& subject) const {
        std::vector<std::int64_t> result;
        for (const std::uint32_t item : value.items) {
            const pickle_value& number = pickle_.at(item);
            if (number.kind != pickle_kind::integer || number.integer < 0 || !number.text.empty())
                fail(errc::io, subject + " has a damaged shape");
            result.push_back(number.integer);
        }
        return result;
    }

    /// Checks that all elements lie in the storage and returns the first one's position.
    static std::uint64_t check_extent(std::uint64_t available,
                                      std::int64_t offset,
                                      const std::vector<std::int64_t>& dims,
                                      const std::vector<std::int64_t>& strides,
                                      const std::string& subject) {
        std::uint64_t count = 1, last = static_cast<std::uint64_t>(offset);
        bool inside = offset >= 0 && last <= available;
        for (std::size_t i = 0; inside && i < dims.size(); ++i) {
            const std::uint64_t extent = static_cast<std::uint64_t>(dims[i]);
            const std::uint64_t stride = static_cast<std::uint64_t>(strides[i]);
            // An expanded tensor repeats elements; allowing it would let a few bytes ask for any
            // amount of memory.
            inside = extent <= available && count * extent <= available &&
                     (extent < 2 || stride <= available / (extent - 1));
            count *= extent;
            if (inside && extent > 1)
                last += (extent - 1) * stride;
            inside = inside && last <= available;
        }
        if (!inside || (count > 0 && last >= available))
            fail(errc::io, subject + " has a shape that its storage of " +
                               std::to_string(available) + " elements does not hold");
        return static_cast<std::uint64_t>(offset);
    }

    /// Shares the bytes of a row-major tensor, copies those of any other into that order.
    void gather(state_entry& entry,
                const std::vector<std::int64_t>& strides,
                byte_span from,
                const std::shared_ptr<const void>& owner,
                const std::string& subject) {
        std::int64_t count = 1;
        bool dense = true;
        for (std::size_t axis = strides.size(); axis-- > 0;) {
            dense = dense && (entry.dims[axis] == 1 || strides[axis] == count);
            count *= entry.dims[axis];
        }
        const std::size_t width = static_cast<std::size_t>(size_of(entry.type));
        const std::size_t size = static_cast<std::size_t>(count) * width;
        if (dense || count == 0) {
            entry.bytes = from.first(size);
            entry.owner = owner;
            return;
        }
        if (size > left_to_copy_)
            fail(errc::unsupported, subject + " shares its elements with too many others");
        left_to_copy_ -= size;
        const std::shared_ptr<std::uint8_t[]> copy(new std::uint8_t[size]);
        std::vector<std::int64_t> index(strides.size(), 0);
        for (std::size_t done = 0; done < size; done += width) {
            std::int64_t position = 0;
            for (std::size_t axis = 0; axis < strides.size(); ++axis)
                position += index[axis] * strides[axis];
            std::memcpy(copy.get() + done, from.data() + static_cast<std::size_t>(position) * width,
                        width);
            for (std::size_t axis = strides.size(); axis-- > 0;) {
                if (++index[axis] < entry.dims[axis])
                    break;
                index[axis] = 0;
            }
        }
        entry.bytes = {copy.get(), size};
        entry.owner = copy;
    }

    const pickle_reader& pickle_;
    const std::string& path_;
    std::uint64_t left_to_copy_;
};

/// The dict of tensors in what was saved: itself, or what it has under one of the usual names.
[[nodiscard]] inline const pickle_value* find_torch_dict(const pickle_reader& pickle,
                                                         const pickle_value* dict) {
    constexpr std::array<std::string_view, 6> names = {"state_dict", "model_state_dict", "model",
                                                       "net",        "network",          "weights"};
    for (int depth = 0; depth < 3; ++depth) {
        bool tensors = false;
        const pickle_value* inner = nullptr;
        std::size_t rank = names.size();
        for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2) {
            const pickle_value& value = pickle.at(dict->items[i + 1]);
            const auto place = static_cast<std::size_t>(
                std::ranges::find(names, pickle.at(dict->items[i]).text) - names.begin());
            tensors |= value.kind == pickle_kind::tensor;
            if (value.kind == pickle_kind::dict && place < rank) {
                rank = place;
                inner = &value;
            }
        }
        if (inner == nullptr || (tensors && rank > 0))
            break;
        dict = inner;
    }
    return dict;
}

/// The tensors of the dict `root`, or of the one inside it. Other values, such as an epoch, are passed over.
[[nodiscard]] inline state_dict torch_entries(const pickle_reader& pickle,
                                              std::uint32_t root,
                                              const torch_storages& storages,
                                              const file_content& file,
                                              const std::string& path) {
    const pickle_value& saved = pickle.at(root);
    if (saved.kind == pickle_kind::object)
        fail(errc::unsupported, path + ": its pickle asks for `" + saved.text.substr(0, 100) +
                                    "`, which pfad does not run; save the model's state_dict()");
    if (saved.kind != pickle_kind::dict)
        fail(errc::unsupported, path + ": does not hold a state dict");
    const pickle_value* const dict = find_torch_dict(pickle, &saved);
    state_dict result{path, {}, {}};
    torch_object object(pickle, path, file.size);
    for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2) {
        const pickle_value& key = pickle.at(dict->items[i]);
        const pickle_value& value = pickle.at(dict->items[i + 1]);
        if (key.kind == pickle_kind::text && value.kind == pickle_kind::tensor)
            result.tensors.insert_or_assign(key.text,
                                            object.entry(key.text, value, storages, file.data));
    }
    if (result.tensors.empty())
        fail(errc::unsupported, path + ": does not hold a state dict: no value in it is a tensor");
    return result;
}

[[nodiscard]] inline state_dict load_torch_zip(const file_content& file, const std::string& path) {
    const auto entries = read_stored_zip(file.bytes(), path);
    // Everything is in one folder, whose name is free.
    std::string folder;
    bool found = false;
    for (const auto& named : entries)
        if (const std::string& name = named.first; !found && name.ends_with("/data.pkl")) {
            folder = name.substr(0, name.size() - 8);
            found = true;
        }
    if (!found)
        fail(errc::io, path + ": is a zip archive without data.pkl, not a PyTorch file");
    torch_storages storages;
    for (const auto& [name, bytes] : entries) {
        if (name.starts_with(folder + "data/"))
            storages.emplace(name.substr(folder.size() + 5), bytes);
        if (name == folder + "byteorder" && bytes.size() == 3 && bytes[0] == 'b')
            fail(errc::unsupported, path + ": was saved on a big-endian machine");
    }
    pickle_reader pickle(entries.at(folder + "data.pkl"), path);
    const std::uint32_t root = pickle.load();
    return torch_entries(pickle, root, storages, file, path);
}

/// Four pickles (magic number, protocol, machine, object), one with the keys of the storages in the
/// order in which they follow, and each storage as an int64 count and its elements.
[[nodiscard]] inline state_dict load_torch_legacy(const file_content& file,
                                                  const std::string& path) {
    pickle_reader pickle(file.bytes(), path);
    pickle.load();
    const pickle_value protocol = pickle.at(pickle.load());
    if (protocol.kind != pickle_kind::integer || protocol.integer != 1001)
        fail(errc::unsupported, path + ": is in an unknown version of PyTorch's old format; "
                                       "resnet18-f37072fd.pth holds the same weights");
    const pickle_value machine = pickle.at(pickle.load());
    for (std::size_t i = 0; i + 1 < machine.items.size(); i += 2)
        if (pickle.at(machine.items[i]).text == "little_endian" &&
            pickle.at(machine.items[i + 1]).integer == 0)
            fail(errc::unsupported, path + ": was saved on a big-endian machine");
    const std::uint32_t root = pickle.load();
    const std::uint32_t object_values = pickle.value_count();
    const pickle_value keys = pickle.at(pickle.load());
    const torch_object object(pickle, path, file.size);
    std::map<std::string, std::uint64_t, std::less<>> widths;
    for (std::uint32_t i = 0; i < object_values; ++i)
        if (const pickle_value& value = pickle.at(i); value.kind == pickle_kind::storage) {
            const auto facts = object.storage(value, path + ": one of its tensors");
            widths.insert_or_assign(facts.key, facts.width);
        }
    const byte_reader bytes(file.bytes(), path);
    torch_storages storages;
    std::uint64_t at = pickle.position();
    for (const std::uint32_t key : keys.items) {
        const std::string& name = pickle.at(key).text;
        const auto width = widths.find(name);
        const std::uint64_t count = bytes.number<std::uint64_t>(at);
        if (width == widths.end() || count > bytes.size())
            fail(errc::io, path + ": has a damaged list of storages");
        if (width->second == 0)
            fail(errc::unsupported,
                 path + ": has elements of a type whose size pfad does not know");
        const std::uint64_t size = count * width->second;
        storages.emplace(name, bytes.piece(at + 8, size));
        at += 8 + size;
    }
    return torch_entries(pickle, root, storages, file, path);
}

} // namespace detail

/// Reads a PyTorch state dict; the entries share the bytes of the file.
[[nodiscard]] inline state_dict load_torch_checkpoint(const std::string& path) {
    // A pickle of protocol 2 that holds the long integer 0x1950a86a20f9469cfc6c.
    constexpr std::string_view legacy("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
    const file_content file = read_file(path);
    const byte_span bytes = file.bytes();
    const auto begins = [&](std::string_view magic) {
        return bytes.size() >= magic.size() &&
               std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
    };
    if (begins("PK\x03\x04"))
        return detail::load_torch_zip(file, path);
    if (begins(legacy))
        return detail::load_torch_legacy(file, path);
    if (bytes.size() > 262 && std::memcmp(bytes.data() + 257, "ustar", 5) == 0)
        fail(errc::unsupported, path + ": is in the tar format of PyTorch before 0.4; load it with "
                                       "PyTorch and save it again");
    fail(errc::io, path + ": is not a file that torch.save wrote");
}

/// Reads weights of either kind, which the content tells and not the name: safetensors, or what torch.save
/// wrote. Throws as load_safetensors() or load_torch_checkpoint() does.
[[nodiscard]] inline state_dict load_weights(const std::string& path) {
    const auto beginning = read_file(path, 512);
    const auto bytes = beginning.bytes();
    const bool torch =
        bytes.size() >= 2 && ((bytes[0] == 'P' && bytes[1] == 'K') ||
                              (bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) ||
                              (bytes.size() > 262 && std::memcmp(&bytes[257], "ustar", 5) == 0));
    // The first eight bytes of safetensors are a length, after which an object begins.
    if (torch && !(bytes.size() > 8 && bytes[8] == '{'))
        return load_torch_checkpoint(path);
    return load_safetensors(path);
}

} // namespace pfad
