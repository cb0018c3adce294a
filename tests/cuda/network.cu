// The whole network in bf16 beside its exact values: some steps of stage one, captured, and one of
// stage two. Without a GPU the context says so.
#include <pfad/gpu.cuh>

#include <cstdio>

int main() {
    using namespace pfad;
    try {
        gpu_context ctx;
        pfadseg<float, gpu> exact(ctx, {});
        pfadseg<bf16, gpu> model(ctx, {});
        sgd<bf16, gpu> first(ctx, {}, [&](auto&& add) { add(model.student, exact.student, 0.5); });
        const auto x = constant(full(ctx, shape<4>{{2, 64, 64, 3}}, bf16(0.5f)));
        tensor<float, 1, gpu> result;
        cuda::captured stage_one{
            ctx, [&] {
                tape<gpu_context> t(ctx, mode::train);
                const auto [target, found] = side_by_side(
                    t, [&](auto& fixed) { return model.teacher(fixed, x); },
                    [&](auto& trained) { return model.student(trained, x); });
                auto loss = cosine_distance_loss(t, target[0], found[0]);
                for (std::size_t level = 1; level < found.size(); ++level)
                    loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
                t.backward(loss);
                first.step(ctx);
                result = loss.value;
            }};
        cuda::ring losses(2, 1);
        for (int i = 0; i < 4; ++i) {
            if (losses.full())
                std::printf("loss %g\n", static_cast<double>(losses.pop()->front()));
            stage_one();
            losses.push(ctx, result);
        }
        sgd<bf16, gpu> second(
            ctx, {}, [&](auto&& add) { add(model.segmentation, exact.segmentation, 0.1); });
        {
            tape<gpu_context> fixed(ctx, mode::eval), t(ctx, mode::train);
            const auto logits = model.segmentation(t, model.similarity(fixed, x));
            const auto loss = focal_l1_loss(t, logits, full(ctx, logits.dims(), bf16(0.0f)), 4.0);
            t.backward(loss.total);
            second.step(ctx);
        }
        synchronise(ctx);
        std::puts("a GPU trains: steps of each stage");
        return 0;
    } catch (const error& problem) {
        std::printf("%s\n", problem.what());
        return problem.code() == errc::unsupported ? 0 : 1;
    }
}
