// What a backend must offer. A backend is a namespace with a type for where its work runs, the
// context, which every op takes by reference; the functions below are found through that type.
// docs/adding_a_backend.md says what each of them must do.
#pragma once

#include <pfad/core/view.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace pfad {

class pool;
template <class T, int R, class Space>
class tensor;

/// Has memory for arrays in one space: all that `empty` needs, and networks to be built. `space` is
/// host or gpu. take(bytes, who) throws errc::memory where there is none. A block that was given
/// back may be taken again at once.
template <class C>
concept memory_source = requires(C& ctx, void* block, std::size_t bytes) {
    typename C::space;
    static_cast<void*>(ctx.memory->take(bytes, "op"));
    ctx.memory->deallocate(block, bytes, std::size_t(64));
};

/// Where ops run. Work is done in the order in which it was asked for; it may be queued.
/// `fill_forward` gives every element one value. `copy` copies between arrays of the context's
/// space and, where that is not the host, from and to the host, whose memory must stay until
/// `synchronise`, which returns when everything is done.
template <class C>
concept any_context = memory_source<C> &&
    requires(C& ctx, view<const float, 1> from, view<float, 1> to) {
    fill_forward(ctx, 0.0f, to);
    copy(ctx, from, to);
    synchronise(ctx);
};

/// A promise that networks stay as they are while steps that evaluate them are in use, and what a
/// backend keeps because of it.
template <class C>
using fixed_networks = decltype(make_fixed_networks(std::declval<C&>()));

/// What `repeated(ctx, step, fixed)` makes of a step that is called often and works on the same
/// tensors each time: on the host the step itself, on a GPU a recording of it.
template <class C>
using recorded_step = decltype(repeated(
    std::declval<C&>(), std::declval<void (*)()>(), std::declval<fixed_networks<C>>()));

/// What `make_ring(ctx, floats)` makes: a few numbers of every step on their way to the host.
template <class C>
using loss_ring = decltype(make_ring(std::declval<C&>(), 2));

/// What training and prediction ask for beside ops, so that a device whose work is queued stays
/// busy. `fork(ctx)` is a context beside which `ctx` may work until `join(ctx)`. A ring's `push`
/// keeps up to `floats` numbers, its `pop` gives the oldest that have arrived or nothing, and
/// waits for them where the ring is full. `staging_memory` is memory of the host that the device
/// reads and writes fast.
template <class C>
concept queued_context = any_context<C> &&
    requires(C& ctx,
             recorded_step<C> step,
             loss_ring<C> losses,
             const tensor<float, 1, typename C::space>& numbers) {
    static_cast<C&>(fork(ctx));
    join(ctx);
    step();
    losses.push(ctx, numbers);
    static_cast<float>((*losses.pop())[0]);
    static_cast<std::shared_ptr<pool>>(staging_memory(ctx));
};

} // namespace pfad
