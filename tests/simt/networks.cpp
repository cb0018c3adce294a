// Whole networks through the CUDA launchers under the emulator: a training step of each stage, and
// the anomaly map. In double against the plain loops; in float in every order of the threads with
// equal bits. Too slow for the sanitizers, under which the blocks run.
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <pfad/detectors/pfadseg.hpp>
#include <pfad/nn/copy_arrays.hpp>
#include <pfad/optim/sgd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

/// Everything that a run leaves, by name: losses, gradients, weights and running statistics, map.
template <class T>
using outcome = std::map<std::string, std::vector<T>>;

template <class T, class C>
class run_of_both_stages {
public:
    run_of_both_stages(C& ctx, pfadseg_options options)
        : ctx_(ctx), model_(ctx, options), stages_(pfadseg<T, space>::stages(options)) {
        cpu::context plain(1);
        pfadseg<T> start(plain, options);
        start.initialise(7);
        copy_arrays(ctx, start, model_);
    }

    outcome<T> operator()() {
        run_stage<0>(model_.student, "student", "cosine");
        run_stage<1>(model_.segmentation, "segmentation", "focal and l1");
        tape<C> t(ctx_, mode::eval);
        record("map", model_(t, pictures("corrupted")).value);
        visit(model_, "", [&](const std::string& name, auto& p) { record(name, p.value); });
        return std::move(result_);
    }

private:
    using space = typename C::space;

    maps<T, space> pictures(const char* name) {
        return constant(upload<T>(ctx_, random_array(shape<4>{{4, 32, 32, 3}}, name)));
    }
    template <int R>
    void record(const std::string& name, const tensor<T, R, space>& x) {
        result_[name] = read_elements(ctx_, x);
    }
    template <class M>
    void record_gradients(M& m, const std::string& stage) {
        visit_parameters(m, stage, [&](const std::string& name, auto& p) {
            INFO(name);
            REQUIRE(p.slot->written());
            record("gradient." + name, p.slot->gradient());
        });
    }

    /// Stage I, whose trained part is m; the losses under this name.
    template <std::size_t I, class M>
    void run_stage(M& m, const char* part, const char* losses) {
        const auto& stage = std::get<I>(stages_);
        sgd<T, space> optimiser(ctx_, {}, stage.groups(model_));
        tape<C> t(ctx_, mode::train);
        const auto mask = upload<T>(ctx_, random_mask(shape<4>{{4, 8, 8, 1}}, "mask"));
        const auto found =
            stage.losses(model_, t,
                         data::corrupted_pictures<T, space>{pictures("clean").value,
                                                            pictures("corrupted").value, mask});
        backward(t, found);
        record(losses, found.parts);
        record_gradients(m, part);
        optimiser.step(ctx_);
    }

    C& ctx_;
    pfadseg<T, space> model_;
    decltype(pfadseg<T, space>::stages({})) stages_;
    outcome<T> result_;
};

template <class T, class C>
outcome<T> run(C& ctx, pfadseg_options options) {
    return run_of_both_stages<T, C>(ctx, options)();
}

template <class T>
bool same_bits(const outcome<T>& a, const outcome<T>& b) {
    for (const auto& [name, values] : a) {
        const auto& others = b.at(name);
        INFO(name);
        REQUIRE(values.size() == others.size());
        CHECK(std::memcmp(values.data(), others.data(), values.size() * sizeof(T)) == 0);
    }
    return a.size() == b.size();
}

double largest(const std::vector<double>& x) {
    double result = 0;
    for (const double value : x)
        result = std::max(result, std::abs(value));
    return result;
}

/// Within 1e-7 of each array's size, the bound of golden trajectories in double. The gradient of a
/// bias in front of batch norm is zero but for rounding, so that no array counts as smaller than a
/// thousandth of the largest gradient.
void check_close(const outcome<double>& got, const outcome<double>& want) {
    REQUIRE(got.size() == want.size());
    double smallest = 0;
    for (const auto& [name, values] : want)
        if (name.starts_with("gradient."))
            smallest = std::max(smallest, largest(values) / 1000);
    for (const auto& [name, values] : want) {
        const auto& found = got.at(name);
        REQUIRE(found.size() == values.size());
        const double allowed = 1e-7 * std::max(largest(values), smallest);
        double error = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double gap = std::abs(found[i] - values[i]);
            error = std::isnan(gap) ? HUGE_VAL : std::max(error, gap);
        }
        INFO(name << ": " << error << " off, allowed " << allowed);
        CHECK((error <= allowed));
    }
}

void check_networks(pfadseg_options options) {
    {
        cpu::context plain(2);
        cuda::context ctx;
        check_close(run<double>(ctx, options), run<double>(plain, options));
    }
    std::optional<outcome<float>> first;
    for_each_schedule<cuda::context>([&](cuda::context& ctx) {
        auto now = run<float>(ctx, options);
        if (first)
            CHECK(same_bits(*first, now));
        else
            first = std::move(now);
    });
}

/// The first stage, the teacher on the side: made once, since that takes longest.
class first_stage {
public:
    first_stage() {
        cpu::context plain(1);
        student<float> start(plain, both, both);
        initialise(start, "student", initialiser::kaiming_fan_out, 7);
        copy_arrays(ctx_, start, first_);
        resnet18<float> fixed(plain, 3);
        initialise(fixed, "teacher", initialiser::kaiming_fan_out, 7);
        copy_arrays(ctx_, fixed, teacher_);
    }

    /// The losses of some steps from the start on, and what they leave; with the teacher's batch norm
    /// folded or not.
    outcome<float> operator()(int steps, bool captured, bool folded) {
        copy_arrays(ctx_, first_, student_);
        sgd<float, gpu> optimiser(ctx_, {}, std::tuple(parameter_group(student_, 0.4)));
        const auto fixed = folded ? cuda::make_fixed_networks(ctx_) : nullptr;
        cuda::captured run{ctx_, [&] { step(optimiser); }, fixed};
        ctx_.fixed = captured ? nullptr : fixed.get();
        outcome<float> all;
        for (int i = 0; i < steps; ++i) {
            const auto number = std::to_string(i);
            write_elements(ctx_, clean_, elements<float>(random_array(dims, "clean" + number)));
            write_elements(ctx_, corrupted_, elements<float>(random_array(dims, "bad" + number)));
            if (captured)
                run();
            else
                step(optimiser);
            all["loss " + number] = read_elements(ctx_, loss_);
        }
        ctx_.fixed = nullptr;
        CHECK(run.is_captured() == captured);
        CHECK((!folded || fixed->size() > 0));
        all["velocities"] = read_elements(ctx_, optimiser.velocities());
        visit(student_, "",
              [&](const std::string& name, auto& p) { all[name] = read_elements(ctx_, p.value); });
        return all;
    }

private:
    static constexpr shape<4> dims = {{2, 32, 32, 3}};
    static constexpr nn::block_kind both = {.pcar = true, .aff = true};

    void step(sgd<float, gpu>& optimiser) {
        tape<cuda::context> t(ctx_, mode::train);
        const auto [target, found] = fork_join(
            t, [&](auto& fixed) { return teacher_(fixed, constant(clean_)); },
            [&](auto& trained) { return student_(trained, constant(corrupted_)); });
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        loss_ = loss.value;
        t.backward(loss);
        optimiser.step(ctx_);
    }

    cuda::context ctx_;
    resnet18<float, gpu> teacher_{ctx_, 3};
    student<float, gpu> first_{ctx_, both, both}, student_{ctx_, both, both};
    tensor<float, 4, gpu> clean_ = empty<float>(ctx_, dims), corrupted_ = empty<float>(ctx_, dims);
    tensor<float, 1, gpu> loss_;
};

} // namespace

TEST_CASE("networks: a captured step of stage one is the eager one", "[simt]") {
    first_stage stage;
    // Two run as they are, the third is captured and replayed, the fourth replayed.
    for (const bool folded : {false, true})
        CHECK(same_bits(stage(4, false, folded), stage(4, true, folded)));
}

TEST_CASE("networks: batch norm is no launch of its own behind a convolution", "[simt]") {
    // Decision 0014 has the numbers, of a picture of 64x64; a smaller one has as many.
    const auto launches = [](pfadseg_options options, bool folded) {
        cpu::context plain(1);
        pfadseg<float> start(plain, options);
        start.initialise(7);
        cuda::context ctx;
        pfadseg<float, gpu> model(ctx, options);
        copy_arrays(ctx, start, model);
        const auto x = constant(upload<float>(ctx, random_array(shape<4>{{1, 32, 32, 3}}, "x")));
        tensor<float, 4, gpu> map;
        cuda::captured step{ctx,
                            [&] {
                                tape<cuda::context> t(ctx, mode::eval);
                                map = model(t, x).value;
                            },
                            folded ? cuda::make_fixed_networks(ctx) : nullptr};
        while (!step.is_captured())
            step();
        return step.nodes();
    };
    CHECK(launches({}, true) == 430);
    CHECK(launches({}, false) == 658);
    const pfadseg_options destseg = {.rcm = false, .aff = false, .pcar = false};
    CHECK(launches(destseg, true) == 83);
    CHECK(launches(destseg, false) == 213);
}

TEST_CASE("networks: a step of each stage of PFADSeg", "[simt]") {
    check_networks({});
}

TEST_CASE("networks: a step of each stage of DeSTSeg", "[simt]") {
    check_networks({.rcm = false, .aff = false, .pcar = false});
}
