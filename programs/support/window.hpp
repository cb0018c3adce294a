// A window of OpenCV's.
#pragma once

#include <pfad/core/error.hpp>

#include <fcntl.h>
#include <opencv2/highgui.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace program {

/// Throws errc::unsupported where no window can be opened. A process of its own tries it: without a
/// display some of OpenCV's backends end the program. To be called while there are no threads.
inline void expect_display() {
    const pid_t child = ::fork();
    if (child == 0) {
        const int nowhere = ::open("/dev/null", O_WRONLY);
        ::dup2(nowhere, STDOUT_FILENO);
        ::dup2(nowhere, STDERR_FILENO);
        const rlimit no_core = {0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        try {
            cv::namedWindow("pfad");
            ::_exit(0);
        } catch (...) {
            ::_exit(1);
        }
    }
    int status = 1;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
        pfad::fail(pfad::errc::unsupported,
                   "no window can be opened here; --out writes pictures or a video instead");
}

/// Opens with its first picture.
class window {
public:
    /// Shows a picture (BGR), until a key is pressed where `wait` says so, or `stopped` is set. Returns
    /// false where the user leaves: q, Esc, or the window closed.
    bool show(const cv::Mat& picture, bool wait, const volatile std::sig_atomic_t& stopped) {
        if (!open_) {
            cv::namedWindow(title,
                            cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO | cv::WINDOW_GUI_NORMAL);
            const double share = std::min({1.0, 1280.0 / picture.cols, 800.0 / picture.rows});
            cv::resizeWindow(title, std::max(320, static_cast<int>(picture.cols * share)),
                             std::max(240, static_cast<int>(picture.rows * share)));
            open_ = true;
        }
        cv::imshow(title, picture);
        int key = cv::waitKey(1);
        while (wait && key < 0 && stopped == 0 && is_open())
            key = cv::waitKey(50);
        return key != 'q' && key != escape && is_open();
    }

private:
    static constexpr const char* title = "pfad";
    static constexpr int escape = 27;

    static bool is_open() { return cv::getWindowProperty(title, cv::WND_PROP_VISIBLE) >= 1; }

    bool open_ = false;
};

} // namespace program
