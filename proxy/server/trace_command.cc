#include "proxy/server/trace_command.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "proxy/server/admin_client.h"

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

ExitCode print_trace(const TraceCommand& command) {
  return print_answer(command.socket, command.config, target_of(command));
}

}  // namespace sallyport::server
