#include "proxy/server/hash_password.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

namespace sallyport::server {
namespace {

constexpr std::size_t kLongestPassword = 1024;

constexpr std::array kSignals = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGALRM,
                                 SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

/// Signals that came while a password was read; the handler can do no more than note them.
std::array<volatile std::sig_atomic_t, NSIG> came{};

bool has_come(int signal) { return came.at(static_cast<std::size_t>(signal)) != 0; }

/// Turns the terminal's echo off while it lives, and puts off what signals do until the echo is on
/// again: whoever types Ctrl-C gets a shell that shows what is typed. The signals are blocked but
/// for where one waits with `while_waiting`: one that comes just before is not missed.
class NoEcho {
 public:
  NoEcho() {
    tcgetattr(STDIN_FILENO, &before_);
    for (volatile std::sig_atomic_t& one : came) one = 0;
    sigset_t ours;
    sigemptyset(&ours);
    for (const int signal : kSignals) sigaddset(&ours, signal);
    sigprocmask(SIG_BLOCK, &ours, &mask_);
    struct sigaction note{};
    note.sa_handler = [](int signal) { came[static_cast<std::size_t>(signal)] = 1; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &note, &actions_[i]);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &actions_[i], nullptr);
    }
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
    // Now they do what they do: most of them end this process.
    for (const int signal : kSignals) {
      if (has_come(signal)) raise(signal);
    }
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

  const sigset_t& while_waiting() const { return mask_; }

 private:
  termios before_{};
  sigset_t mask_{};
  std::array<struct sigaction, kSignals.size()> actions_{};
};

/// One line of standard input without its line end, read octet by octet so that nothing stays in a
/// buffer that we do not wipe. With `mask`, signals are as there while it waits, and kCancelled
/// says that one came.
Result<Secret> read_line(const sigset_t* mask = nullptr) {
  std::string line;
  line.reserve(kLongestPassword + 1);
  char c = 0;
  bool any = false;
  while (true) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (mask && ::ppoll(&input, 1, nullptr, mask) < 0 && errno == EINTR) {
      wipe(line);
      return fail(ErrorCode::kCancelled, "interrupted");
    }
    const ssize_t count = ::read(STDIN_FILENO, &c, 1);
    if (count < 0) {
      wipe(line);
      return fail(ErrorCode::kSystem, std::string("standard input: ") + std::strerror(errno));
    }
    if (count == 0) break;
    any = true;
    if (c == '\n') break;
    if (line.size() == kLongestPassword) {
      wipe(line);
      return fail(ErrorCode::kLimit, "the password is longer than 1024 octets");
    }
    line += c;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (!any || line.empty()) return fail(ErrorCode::kInvalid, "the password is empty");
  return Secret::consume(line);
}

Result<Secret> ask_twice() {
  const NoEcho no_echo;
  std::fputs("Password: ", stderr);
  auto first = read_line(&no_echo.while_waiting());
  if (!first) return first;
  std::fputs("\nThe same again: ", stderr);
  const auto second = read_line(&no_echo.while_waiting());
  std::fputs("\n", stderr);
  if (!second) return second;
  if (first->reveal() != second->reveal()) {
    return fail(ErrorCode::kInvalid, "the two passwords differ");
  }
  return first;
}

Result<Secret> ask_once() {
  const NoEcho no_echo;
  std::fputs("Password: ", stderr);
  auto password = read_line(&no_echo.while_waiting());
  std::fputs("\n", stderr);
  return password;
}

/// We are here again after Ctrl-Z and fg, which end nothing: the question is asked anew.
Result<Secret> until_answered(Result<Secret> (*ask)()) {
  if (!isatty(STDIN_FILENO)) return read_line();
  while (true) {
    auto password = ask();
    if (password || password.error().code != ErrorCode::kCancelled) return password;
  }
}

}  // namespace

Result<Secret> read_password() { return until_answered(ask_twice); }

Result<Secret> read_known_password() { return until_answered(ask_once); }

}  // namespace sallyport::server
