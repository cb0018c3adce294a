#include "nn/module_check.hpp"
#include "support/temporary_folder.hpp"

#include <pfad/io/safetensors.hpp>
#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/named_arrays.hpp>
#include <pfad/nn/weights.hpp>

#include <numeric>

using namespace pfad;
using namespace pfad::test;

namespace {

/// Parameters and states of every rank.
template <class S = host>
struct every_rank {
    parameter<float, 1, S> vector;
    parameter<float, 2, S> matrix;
    parameter<float, 3, S> cube;
    parameter<float, 4, S> conv;
    state<float, 1, S> mean;
    state<float, 2, S> bank;
    state<float, 3, S> volume;
    state<float, 4, S> maps;

    template <class C>
    explicit every_rank(C& ctx) {
        const auto fill = [&](auto& part, const auto& dims) { part.value = full(ctx, dims, 0.f); };
        fill(vector, shape{3});
        fill(matrix, shape{2, 3});
        fill(cube, shape{4, 2, 3});
        fill(conv, shape{4, 3, 1, 2});
        fill(mean, shape{5});
        fill(bank, shape{3, 5});
        fill(volume, shape{2, 5, 3});
        fill(maps, shape{1, 2, 3, 2});
    }
    auto fields() {
        return pfad::fields("vector", vector, "matrix", matrix, "cube", cube, "conv", conv, "mean",
                            mean, "bank", bank, "volume", volume, "maps", maps);
    }
};

template <class M>
std::vector<std::vector<float>> values_of(M& m) {
    std::vector<std::vector<float>> all;
    visit(m, "", [&](const std::string&, auto& p) {
        all.emplace_back(p.value.data(), p.value.data() + p.value.size());
    });
    return all;
}

template <class M>
void number(M& m) {
    float next = 0;
    visit(m, "", [&](const std::string&, auto& p) {
        for (std::int64_t i = 0; i < p.value.size(); ++i)
            p.value.data()[i] = next += 1;
    });
}

/// Features that a network remembers, `rows` of them or as many as its file has.
template <class S = host>
struct memory_bank {
    state<float, 2, S> bank;
    state<float, 1, S> scale;

    template <class C>
    memory_bank(C& ctx, std::int64_t rows) : bank{{nullptr, {{rows, 4}}}} {
        if (rows > 0)
            bank.value = full(ctx, shape{rows, 4}, 0.f);
        scale.value = full(ctx, shape{1}, 0.f);
    }
    auto fields() { return pfad::fields("bank", bank, "scale", scale); }
};

state_dict through_a_file(const state_entries& entries) {
    const temporary_folder folder;
    const auto path = (folder.path() / "m.safetensors").string();
    save_safetensors(path, entries, {});
    return load_safetensors(path);
}

} // namespace

TEST_CASE("named_arrays: every rank comes back whole from a file", "[nn]") {
    cpu::context ctx(1);
    every_rank<> m(ctx), back(ctx);
    number(m);
    const auto file = through_a_file(to_state_dict(m));
    using dims = std::vector<std::int64_t>;
    CHECK(file.at("vector").dims == dims{3});
    CHECK(file.at("matrix").dims == dims{2, 3});
    CHECK(file.at("cube").dims == dims{4, 2, 3});
    CHECK(file.at("conv").dims == dims{4, 2, 3, 1});
    CHECK(file.at("mean").dims == dims{5});
    CHECK(file.at("bank").dims == dims{3, 5});
    CHECK(file.at("volume").dims == dims{2, 5, 3});
    CHECK(file.at("maps").dims == dims{1, 2, 2, 3});
    // What is not moved stands in the file as it is here; of maps, channels are in front of pixels.
    CHECK(file.at("cube").values<float>() == values_of(m)[2]);
    const auto maps = file.at("maps").values<float>();
    CHECK(maps[1] == m.maps.value.view()(0, 0, 1, 0));
    CHECK(maps[6] == m.maps.value.view()(0, 0, 0, 1));
    from_state_dict(back, file);
    CHECK(values_of(back) == values_of(m));
}

TEST_CASE("named_arrays: the gradient of a matrix is the matrix's", "[nn]") {
    cpu::context ctx(1);
    every_rank<> m(ctx);
    const auto gradient = m.matrix.slot->claim(ctx, m.matrix.dims()).to;
    std::iota(gradient.data, gradient.data + gradient.size(), 1.f);
    for (const auto& array : named_arrays<float>(m)) {
        INFO(array.name);
        REQUIRE((array.gradient() != nullptr) == (array.name == "matrix"));
        if (!array.gradient())
            continue;
        std::vector<float> values(static_cast<std::size_t>(array.size()));
        array.to_torch(array.gradient(), std::span<float>(values));
        CHECK(values == std::vector<float>{1, 2, 3, 4, 5, 6});
    }
}

TEST_CASE("named_arrays: stacked vectors and matrices are apart in files", "[nn]") {
    cpu::context ctx(1);
    struct stacked {
        parameter<float, 2> weight;
        auto fields() { return pfad::fields("part.{}", weight); }
    } m;
    m.weight.value = full(ctx, shape{4, 3}, 0.f);
    m.weight.parts = 2;
    number(m);
    const auto arrays = named_arrays<float>(m);
    REQUIRE(arrays.size() == 2);
    CHECK(arrays[1].name == "part.1");
    CHECK(arrays[1].dims == std::vector<std::int64_t>{2, 3});
    CHECK(arrays[1].offset == 6);
    CHECK(arrays[1].values.data[0] == 7);
}

TEST_CASE("named_arrays: a state without memory takes its first extent from the file", "[nn]") {
    cpu::context ctx(1);
    memory_bank<> m(ctx, 3), loaded(ctx, 0);
    number(m);
    const auto file = through_a_file(to_state_dict(m));
    CHECK(named_arrays<float>(loaded)[0].dims == std::vector<std::int64_t>{-1, 4});
    from_state_dict(loaded, file);
    CHECK(loaded.bank.value.dims() == shape{3, 4});
    CHECK(values_of(loaded) == values_of(m));
    CHECK(to_state_dict(loaded).at("bank").dims == std::vector<std::int64_t>{3, 4});

    // The other extents are the network's, and a bank that is there keeps its own.
    memory_bank<> longer(ctx, 5), other(ctx, 0);
    CHECK(error_code([&] { from_state_dict(longer, file); }) == errc::shape);
    auto wider = to_state_dict(m);
    wider["bank"] = owned_entry(std::vector<float>(10), {2, 5});
    CHECK(error_code([&] { from_state_dict(other, through_a_file(wider)); }) == errc::shape);
    CHECK_FALSE(other.bank.value);
    wider["bank"] = owned_entry(std::vector<float>(), {0, 4});
    from_state_dict(other, through_a_file(wider));
    CHECK(other.bank.value.dims() == shape{0, 4});
    // Nothing there is nothing to save.
    memory_bank<> none(ctx, 0);
    CHECK(error_code([&] { (void)to_state_dict(none); }) == errc::value);
}

TEMPLATE_LIST_TEST_CASE("copy_arrays: a state without memory gets it", "[nn]", backends) {
    cpu::context plain(1);
    auto ctx = make_context<TestType>(1);
    memory_bank<> from(plain, 3), back(plain, 0), none(plain, 0);
    memory_bank<typename TestType::space> there(ctx, 0);
    number(from);
    copy_arrays(ctx, none, there);
    CHECK_FALSE(there.bank.value);
    copy_arrays(ctx, from, there);
    CHECK(there.bank.value.dims() == shape{3, 4});
    copy_arrays(ctx, there, back);
    CHECK(values_of(back) == values_of(from));
    CHECK(error_code([&] { copy_arrays(ctx, none, there); }) == errc::shape);
}
