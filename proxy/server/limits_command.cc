#include "proxy/server/limits_command.h"

#include <fmt/format.h>

#include <string>

#include "proxy/server/admin_client.h"

namespace sallyport::server {
namespace {

std::string target_of(const LimitsCommand& command) {
  if (!command.reset.empty()) {
    return fmt::format("/limits/reset?subject={}&limit={}", escaped(command.reset),
                       escaped(command.limit));
  }
  std::string target = command.json ? "/limits?format=json" : "/limits?format=text";
  if (!command.user.empty()) target += "&subject=" + escaped(command.user);
  return target;
}

}  // namespace

ExitCode print_limits(const LimitsCommand& command) {
  return print_answer(command.socket, command.config, target_of(command));
}

}  // namespace sallyport::server
