// SIGINT and SIGTERM as a wish to stop soon. A second one ends the program at once.
#pragma once

#include <csignal>

namespace program {

/// While one lives, the signals are caught, and a closed pipe ends nothing.
class stop_signals {
public:
    stop_signals() {
        struct sigaction action = {};
        action.sa_handler = [](int signal) { caught_ = signal; };
        action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
        ::sigaction(SIGINT, &action, &before_[0]);
        ::sigaction(SIGTERM, &action, &before_[1]);
        // Who reads the output may go away before the work is done.
        action.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &action, &before_[2]);
    }
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;
    ~stop_signals() {
        ::sigaction(SIGINT, &before_[0], nullptr);
        ::sigaction(SIGTERM, &before_[1], nullptr);
        ::sigaction(SIGPIPE, &before_[2], nullptr);
    }

    /// The signal's number, 0 where none has come.
    [[nodiscard]] static const volatile std::sig_atomic_t& caught() { return caught_; }

private:
    static inline volatile std::sig_atomic_t caught_ = 0;
    struct sigaction before_[3] = {};
};

} // namespace program
