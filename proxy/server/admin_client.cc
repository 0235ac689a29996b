#include "proxy/server/admin_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <expected>
#include <iterator>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/config/load.h"
#include "proxy/server/outside.h"

namespace sallyport::server {
namespace {

constexpr std::size_t kMostAnswer = 256u << 20;

Result<AdminAnswer> parse(std::string_view answer) {
  const auto malformed = [] {
    return fail(ErrorCode::kProtocol, "the answer from the admin socket is no HTTP response");
  };
  const auto head_end = answer.find("\r\n\r\n");
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  if (!answer.starts_with(kVersion) || head_end == std::string_view::npos) return malformed();
  AdminAnswer parsed;
  const char* const status = answer.data() + kVersion.size();
  const auto [end, error] = std::from_chars(status, status + 3, parsed.status);
  if (error != std::errc{} || end != status + 3) return malformed();
  parsed.body = answer.substr(head_end + 4);
  return parsed;
}

/// What is done with an open socket.
Result<AdminAnswer> converse(int descriptor, const std::string& path, const std::string& target) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid, "'" + path + "' is too long for a socket");
  }
  path.copy(address.sun_path, path.size());
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: {}", path,
                            nobody ? "no sallyport listens there: is one running, and is this its "
                                     "admin.socket?"
                                   : std::strerror(errno)));
  }
  std::string_view request;
  const std::string whole =
      fmt::format("GET {} HTTP/1.1\r\nHost: sallyport\r\nConnection: close\r\n\r\n", target);
  for (request = whole; !request.empty();) {
    const ssize_t sent = ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent < 0) return fail(ErrorCode::kNetwork, path + ": " + std::strerror(errno));
    request.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::string answer;
  std::array<char, 16384> buffer;
  while (answer.size() < kMostAnswer) {
    const ssize_t count = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const bool late = errno == EAGAIN || errno == EWOULDBLOCK;
      return fail(late ? ErrorCode::kTimeout : ErrorCode::kNetwork,
                  path + ": " + (late ? "no answer in time" : std::strerror(errno)));
    }
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return parse(answer);
}

/// The socket that a configuration names; or says why there is none.
std::expected<std::string, ExitCode> admin_socket_of(const std::string& config) {
  const auto loaded = config::load(config, real_outside());
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return std::unexpected(kBadConfig);
  }
  if (!loaded->admin_socket.empty()) return loaded->admin_socket;
  std::fprintf(stderr, "sallyport: %s has no admin.socket, by which a running sallyport is asked\n",
               config.c_str());
  return std::unexpected(kFailure);
}

}  // namespace

Result<AdminAnswer> ask_admin(const std::string& path, const std::string& target,
                              Duration patience) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return fail(ErrorCode::kSystem, std::string("socket: ") + std::strerror(errno));
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience).count();
  const timeval timeout{.tv_sec = seconds, .tv_usec = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  auto answer = converse(descriptor, path, target);
  ::close(descriptor);
  return answer;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (ascii::is_alnum(c) || std::string_view("-._~").contains(c)) {
      result += c;
    } else {
      fmt::format_to(std::back_inserter(result), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

ExitCode print_answer(const std::string& path, const std::string& config,
                      const std::string& target) {
  const auto socket =
      path.empty() ? admin_socket_of(config) : std::expected<std::string, ExitCode>(path);
  if (!socket) return socket.error();
  const auto answer = ask_admin(*socket, target);
  if (!answer) {
    std::fprintf(stderr, "sallyport: %s\n", answer.error().text.c_str());
    return kFailure;
  }
  std::FILE* const out = answer->status == 200 ? stdout : stderr;
  std::fprintf(out, "%s%s", answer->status == 200 ? "" : "sallyport: ", answer->body.c_str());
  return answer->status == 200 ? kOk : kFailure;
}

}  // namespace sallyport::server
