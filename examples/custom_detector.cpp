// A detector of one's own: a student learns one level of a random network's features of good pictures.
// Where the two differ, something is new.
#include <pfad/data/batches/clean.hpp>
#include <pfad/data/files.hpp>
#include <pfad/data/synthetic.hpp>
#include <pfad/ops/unit_distance_map.hpp>
#include <pfad/pfadseg.hpp>

#include <cstdio>

using namespace pfad;

struct my_options {
    int batch = 8, iterations = 100;
    double rate = 0.4;

    option_list list() {
        const auto kind = option_kind::training;
        return {{"batch", &batch, "pictures an iteration", kind, 2, 1 << 20},
                {"iterations", &iterations, "updates", kind, 0, most_iterations},
                {"rate", &rate, "learning rate", kind, above_zero, any_size}};
    }
    void check(int /*size*/) const { check_options(my_options(*this).list()); }
};

template <class T, class S = host>
struct my_detector {
    my_options options;
    resnet18<T, S> teacher, student;
    static constexpr score_range scores{1e-6, 2, false}; // 1 - cosine, no probability
    explicit my_detector(auto& ctx, my_options o = {})
        : options(o), teacher(ctx, 3), student(ctx, 3) {}
    auto fields() { return pfad::fields("teacher", teacher, "student", student); }
    auto pretrained() { return pfad::fields("teacher", teacher); }
    void initialise(std::uint64_t seed) {
        pfad::initialise(*this, "", initialiser::kaiming_fan_out, seed);
    }
    static std::vector<method<my_options>> methods() { return {{"mine", "My method", {}}}; }

    maps<float, S> operator()(auto& t, const maps<T, S>& x) const {
        const auto target = teacher(t, x)[1], found = student(t, x)[1];
        return constant(unit_distance_map(t.context, target.value, found.value));
    }
    static auto stages(const my_options& o) {
        return std::tuple(stage(
            {.name = "student",
             .meaning = "Cosine distance of the features, a picture.",
             .losses = {{"cosine", loss_scale::picture}},
             .iterations = o.iterations,
             .rule = {}},
            data::clean{}, [o](auto& m) { return std::tuple(parameter_group(m.student, o.rate)); },
            []<class C>(const auto& m, tape<C>& t, const auto& x) {
                tape<C> fixed(t.context, mode::eval); // the teacher's batch norm stays as it is
                const auto target = m.teacher(fixed, constant(x.clean))[1];
                const auto loss =
                    cosine_distance_loss(t, target, m.student(t, constant(x.clean))[1]);
                return stage_losses<float, typename C::space>{loss, loss.value,
                                                              1.0 / m.options.batch};
            }));
    }
};

int main() {
    const auto folder = std::filesystem::temp_directory_path() / "pfad_custom_detector";
    data::make_demo_category(folder, 1, {.size = 96, .training = 40, .good = 8, .anomalous = 8});
    const auto good = data::list_pictures(folder / "train/good");
    pfad::context ctx;
    my_detector<float> model(ctx);
    model.initialise(1);
    train::make_random_teacher(ctx, model.teacher, 96, 1, good);
    train::run_options run;
    run.size = 96;
    train::trainer<pfad::context, my_detector> trainer(ctx, model, run, good, {});
    trainer.run([](const train::training_step&) {});
    save_model(folder / "model", model, {.method = "mine", .size = 96});
    const auto inspector = detect::inspector<pfad::context, my_detector>::load(folder / "model");
    for (const std::string kind : {"good", "pit", "scratch", "stain"})
        for (const auto& file : data::list_pictures(folder / "test" / kind))
            std::printf("%-8s %.3f\n", kind.c_str(), inspector.inspect(read_picture(file)).score);
}
