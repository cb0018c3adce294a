// The whole network in bf16 beside its exact values: a step of each stage. Without a GPU the context
// says so.
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
        {
            tape<gpu_context> fixed(ctx, mode::eval), t(ctx, mode::train);
            const auto target = model.teacher(fixed, x);
            const auto found = model.student(t, x);
            auto loss = cosine_distance_loss(t, target[0], found[0]);
            for (std::size_t level = 1; level < found.size(); ++level)
                loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
            t.backward(loss);
            first.step(ctx);
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
        std::puts("a GPU trains: a step of each stage");
        return 0;
    } catch (const error& problem) {
        std::printf("%s\n", problem.what());
        return problem.code() == errc::unsupported ? 0 : 1;
    }
}
