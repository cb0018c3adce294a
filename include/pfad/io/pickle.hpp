// Reads the pickles of PyTorch state dicts, as data: nothing is imported, called or run. Only the
// opcodes that such pickles use are known (protocols 2 to 4), and only the globals named below.
//   errors  errc::unsupported when the pickle asks for anything else, errc::io when it is damaged
#pragma once

#include <pfad/io/zip.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad::detail {

enum class pickle_kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    global,  ///< text: "module.name"
    tuple,   ///< items
    list,    ///< items
    dict,    ///< items: key, value, key, value
    storage, ///< items: the fields of a persistent id
    tensor,  ///< items: storage, offset, size, stride, ..
    object,  ///< of a class or function that is none of a state dict's, text: its name; never made
};

/// A value. Items are numbers of other values, so that sharing works as in Python.
struct pickle_value {
    pickle_kind kind = pickle_kind::none;
    std::int64_t integer = 0;
    std::string text = {};
    std::vector<std::uint32_t> items = {};
};

/// The interpreter of one pickle.
class pickle_reader {
public:
    pickle_reader(byte_span bytes, const std::string& path) : file_(bytes, path), path_(path) {}

    /// Runs to the STOP and returns the number of the result. May be called again, where another
    /// pickle follows.
    std::uint32_t load() {
        stack_.clear();
        marks_.clear();
        memo_.clear();
        for (;;) {
            const std::uint8_t code = take<std::uint8_t>();
            if (code == '.')
                return pop();
            if (!scalar(code) && !container(code) && !memory(code))
                special(code);
        }
    }

    [[nodiscard]] const pickle_value& at(std::uint32_t number) const { return values_[number]; }
    /// Values so far; those of several pickles share the numbers.
    [[nodiscard]] std::uint32_t value_count() const {
        return static_cast<std::uint32_t>(values_.size());
    }
    /// Position of the first byte after what has been read.
    [[nodiscard]] std::uint64_t position() const { return at_; }

private:
    [[noreturn]] void damaged() const { fail(errc::io, path_ + ": its pickle is damaged"); }

    template <class T>
    T take() {
        const T value = file_.number<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    std::string take_text(std::uint64_t size) {
        std::string text = file_.text(at_, size);
        at_ += size;
        return text;
    }
    std::string take_line() {
        std::string line;
        for (char c; (c = static_cast<char>(take<std::uint8_t>())) != '\n';)
            line += c;
        return line;
    }

    void push(pickle_value value) {
        // A state dict has some dozens of values for each tensor; this bounds the memory.
        constexpr std::size_t most = 1 << 22;
        items_ += value.items.size();
        if (values_.size() == most || items_ > 4 * most)
            fail(errc::io, path_ + ": its pickle is too large for a state dict");
        stack_.push_back(static_cast<std::uint32_t>(values_.size()));
        values_.push_back(std::move(value));
    }
    void push_integer(std::int64_t value) { push({pickle_kind::integer, value}); }
    std::uint32_t pop() {
        if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
            damaged();
        const std::uint32_t top = stack_.back();
        stack_.pop_back();
        return top;
    }
    pickle_value& top() {
        const std::uint32_t number = pop();
        stack_.push_back(number);
        return values_[number];
    }
    std::vector<std::uint32_t> pop_to_mark() {
        if (marks_.empty())
            damaged();
        const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<std::uint32_t> items(first, stack_.end());
        stack_.erase(first, stack_.end());
        marks_.pop_back();
        return items;
    }
    void push_tuple(std::size_t count) {
        std::vector<std::uint32_t> items(count);
        for (std::size_t i = count; i-- > 0;)
            items[i] = pop();
        push({pickle_kind::tuple, 0, {}, std::move(items)});
    }

    bool scalar(std::uint8_t code) {
        switch (code) {
        case 'N':
            push({});
            return true;
        case 0x88:
            push({pickle_kind::boolean, 1});
            return true;
        case 0x89:
            push({pickle_kind::boolean, 0});
            return true;
        case 'J':
            push_integer(take<std::int32_t>());
            return true;
        case 'K':
            push_integer(take<std::uint8_t>());
            return true;
        case 'M':
            push_integer(take<std::uint16_t>());
            return true;
        case 0x8a:
            push_long();
            return true;
        case 'G':
            take_text(8), push({pickle_kind::real});
            return true;
        case 'X':
        case 'T':
        case 'B':
            push_text(take<std::uint32_t>());
            return true;
        case 'S':
        case 'V':
            push({pickle_kind::text, 0, take_line()});
            return true;
        case 0x8d:
        case 0x8e:
            push_text(take<std::uint64_t>());
            return true;
        case 'U':
        case 'C':
        case 0x8c:
            push_text(take<std::uint8_t>());
            return true;
        default:
            return false;
        }
    }
    void push_text(std::uint64_t size) { push({pickle_kind::text, 0, take_text(size)}); }
    /// An integer of any length. Those beyond 64 bits, of which the magic number of the old format
    /// is one, are kept as their bytes.
    void push_long() {
        std::string bytes = take_text(take<std::uint8_t>());
        std::uint64_t value = !bytes.empty() && (bytes.back() & 0x80) ? ~std::uint64_t(0) : 0;
        for (std::size_t i = std::min<std::size_t>(bytes.size(), 8); i-- > 0;)
            value = value << 8 | static_cast<unsigned char>(bytes[i]);
        const bool wide = bytes.size() > 8;
        push({pickle_kind::integer, static_cast<std::int64_t>(value),
              wide ? std::move(bytes) : std::string()});
    }

    bool container(std::uint8_t code) {
        switch (code) {
        case '(':
            marks_.push_back(stack_.size());
            return true;
        case ')':
            push_tuple(0);
            return true;
        case 0x85:
            push_tuple(1);
            return true;
        case 0x86:
            push_tuple(2);
            return true;
        case 0x87:
            push_tuple(3);
            return true;
        case 't':
            push({pickle_kind::tuple, 0, {}, pop_to_mark()});
            return true;
        case ']':
            push({pickle_kind::list});
            return true;
        case '}':
            push({pickle_kind::dict});
            return true;
        case 'a':
            extend(pickle_kind::list, {pop()});
            return true;
        case 'e':
            extend(pickle_kind::list, pop_to_mark());
            return true;
        case 'u':
            extend(pickle_kind::dict, pop_to_mark());
            return true;
        case 's': {
            const std::uint32_t value = pop(), key = pop();
            extend(pickle_kind::dict, {key, value});
            return true;
        }
        case '0':
            pop();
            return true;
        default:
            return false;
        }
    }
    void extend(pickle_kind kind, const std::vector<std::uint32_t>& items) {
        pickle_value& target = top();
        if (target.kind == pickle_kind::object)
            return;
        if (target.kind != kind || (kind == pickle_kind::dict && items.size() % 2 != 0))
            damaged();
        target.items.insert(target.items.end(), items.begin(), items.end());
    }

    bool memory(std::uint8_t code) {
        switch (code) {
        case 'q':
            remember(take<std::uint8_t>());
            return true;
        case 'r':
            remember(take<std::uint32_t>());
            return true;
        case 0x94:
            remember(memo_.size());
            return true;
        case 'h':
            recall(take<std::uint8_t>());
            return true;
        case 'j':
            recall(take<std::uint32_t>());
            return true;
        default:
            return false;
        }
    }
    void remember(std::size_t slot) {
        static_cast<void>(top());
        // Python numbers its slots in order, or nearly so.
        if (slot > memo_.size() + 256)
            damaged();
        if (slot >= memo_.size())
            memo_.resize(slot + 1, no_value);
        memo_[slot] = stack_.back();
    }
    void recall(std::size_t slot) {
        if (slot >= memo_.size() || memo_[slot] == no_value)
            damaged();
        stack_.push_back(memo_[slot]);
    }

    void special(std::uint8_t code) {
        switch (code) {
        case 0x80:
            if (take<std::uint8_t>() > 4)
                fail(errc::unsupported, path_ + ": its pickle is newer than protocol 4");
            return;
        case 0x95:
            take<std::uint64_t>();
            return;
        case 'c':
        case 'i': {
            const std::string module = take_line();
            return push_global(module + "." + take_line());
        }
        case 0x93: {
            const std::string name = values_[pop()].text;
            return push_global(values_[pop()].text + "." + name);
        }
        case 'Q': {
            return push({pickle_kind::storage, 0, {}, values_[pop()].items});
        }
        case 'R':
        case 0x81: {
            const pickle_value& arguments = values_[pop()];
            const pickle_value& function = values_[pop()];
            if (function.kind == pickle_kind::object)
                return push({pickle_kind::object, 0, function.text});
            if (function.kind != pickle_kind::global || arguments.kind != pickle_kind::tuple)
                damaged();
            return build(function.text, arguments.items);
        }
        case 'b':
            return set_state();
        case 0x92: { // a class, its arguments, those with names
            pop();
            pop();
            const pickle_value& made = values_[pop()];
            if (made.kind == pickle_kind::object)
                return push({pickle_kind::object, 0, made.text});
            break;
        }
        case 0x8f: // sets
            return push({pickle_kind::object, 0, "set"});
        case 0x90:
            pop_to_mark();
            return;
        case 0x91:
            pop_to_mark();
            return push({pickle_kind::object, 0, "frozenset"});
        default:
            break;
        }
        fail(errc::unsupported, path_ + ": its pickle uses opcode " + std::to_string(code) +
                                    ", which no state dict needs");
    }

    /// The globals of a state dict; each is only a name here, and all others are nothing more.
    void push_global(const std::string& name) {
        const auto ends = [&](std::string_view tail) {
            return name.size() > tail.size() && std::string_view(name).ends_with(tail);
        };
        const bool storage =
            name.starts_with("torch.") && ends("Storage") && name.find('.', 6) == std::string::npos;
        if (!storage && name != "collections.OrderedDict" &&
            name != "torch._utils._rebuild_tensor" && name != "torch._utils._rebuild_tensor_v2" &&
            name != "torch._utils._rebuild_parameter" && name != "torch.nn.parameter.Parameter")
            return push({pickle_kind::object, 0, name});
        push({pickle_kind::global, 0, name});
    }

    /// What the known functions would have made. The references are into values_, which `push`
    /// moves only after its argument is made.
    void build(const std::string& function, const std::vector<std::uint32_t>& arguments) {
        if (function == "collections.OrderedDict") {
            pickle_value made = {pickle_kind::dict};
            if (!arguments.empty())
                for (const std::uint32_t pair : values_[arguments[0]].items) {
                    const std::vector<std::uint32_t>& items = values_[pair].items;
                    if (items.size() != 2)
                        damaged();
                    made.items.insert(made.items.end(), items.begin(), items.end());
                }
            return push(std::move(made));
        }
        if (function.starts_with("torch._utils._rebuild_tensor")) {
            if (arguments.size() < 4)
                damaged();
            return push({pickle_kind::tensor, 0, {}, arguments});
        }
        // A parameter is its tensor.
        if (!function.ends_with("arameter") || arguments.empty() ||
            values_[arguments[0]].kind != pickle_kind::tensor)
            damaged();
        stack_.push_back(arguments[0]);
    }

    /// Attributes of a dict (its _metadata) or a parameter (its requires_grad) change no element.
    void set_state() {
        pop();
        const pickle_kind kind = top().kind;
        if (kind != pickle_kind::dict && kind != pickle_kind::tensor && kind != pickle_kind::object)
            damaged();
    }

    static constexpr std::uint32_t no_value = 0xffffffffu;
    byte_reader file_;
    const std::string& path_;
    std::uint64_t at_ = 0;
    std::size_t items_ = 0;
    std::vector<pickle_value> values_;
    std::vector<std::uint32_t> stack_, memo_;
    std::vector<std::size_t> marks_;
};

} // namespace pfad::detail
