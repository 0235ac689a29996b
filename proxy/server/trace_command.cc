#include "proxy/server/trace_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "proxy/config/load.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/outside.h"

namespace sallyport::server {
namespace {

std::string target_of(const TraceCommand& command) {
  std::string target = fmt::format("/trace?last={}", command.last);
  const std::initializer_list<std::pair<const char*, const std::string&>> parameters = {
      {"id", command.id},
      {"message_id", command.message_id},
      {"user", command.user},
      {"to", command.to}};
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) target += fmt::format("&{}={}", name, escaped(value));
  }
  if (command.json) target += "&format=json";
  return target;
}

}  // namespace

std::optional<std::string> admin_socket_of(const std::string& config, ExitCode& code) {
  const auto loaded = config::load(config, real_outside());
  if (!loaded) {
    code = kBadConfig;
    for (const config::Problem& problem : loaded.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return std::nullopt;
  }
  if (loaded->admin_socket.empty()) {
    code = kFailure;
    std::fprintf(stderr,
                 "sallyport: %s has no admin.socket, by which a running sallyport is asked\n",
                 config.c_str());
    return std::nullopt;
  }
  return loaded->admin_socket;
}

ExitCode print_trace(const TraceCommand& command) {
  std::string socket = command.socket;
  if (socket.empty()) {
    ExitCode code = kOk;
    const auto configured = admin_socket_of(command.config, code);
    if (!configured) return code;
    socket = *configured;
  }
  const auto answer = ask_admin(socket, target_of(command));
  if (!answer) {
    std::fprintf(stderr, "sallyport: %s\n", answer.error().text.c_str());
    return kFailure;
  }
  std::FILE* const out = answer->status == 200 ? stdout : stderr;
  std::fprintf(out, "%s%s", answer->status == 200 ? "" : "sallyport: ", answer->body.c_str());
  return answer->status == 200 ? kOk : kFailure;
}

}  // namespace sallyport::server
