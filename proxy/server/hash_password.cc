#include "proxy/server/hash_password.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace sallyport::server {
namespace {

constexpr std::size_t kLongestPassword = 1024;

/// Turns the terminal's echo off while it lives.
class NoEcho {
 public:
  NoEcho() {
    tcgetattr(STDIN_FILENO, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
};

/// One line of standard input without its line end, read octet by octet so that nothing stays in a
/// buffer that we do not wipe.
Result<Secret> read_line() {
  std::string line;
  line.reserve(kLongestPassword + 1);
  char c = 0;
  bool any = false;
  while (::read(STDIN_FILENO, &c, 1) == 1) {
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

}  // namespace

Result<Secret> read_password() {
  if (!isatty(STDIN_FILENO)) return read_line();
  const NoEcho no_echo;
  std::fputs("Password: ", stderr);
  auto first = read_line();
  std::fputs("\nThe same again: ", stderr);
  const auto second = first ? read_line() : first;
  std::fputs("\n", stderr);
  if (!second) return second;
  if (first->reveal() != second->reveal()) {
    return fail(ErrorCode::kInvalid, "the two passwords differ");
  }
  return first;
}

}  // namespace sallyport::server
