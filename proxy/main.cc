// The composition root: the command line, and nothing that could not be said in one line each.

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <variant>

#include "auth/password_hash.h"
#include "proxy/server/auth_command.h"
#include "proxy/server/check.h"
#include "proxy/server/command_line.h"
#include "proxy/server/doctor_command.h"
#include "proxy/server/explain_route.h"
#include "proxy/server/hash_password.h"
#include "proxy/server/limits_command.h"
#include "proxy/server/process.h"
#include "proxy/server/providers_command.h"
#include "proxy/server/send_command.h"
#include "proxy/server/server.h"
#include "proxy/server/trace_command.h"

namespace sallyport::server {
namespace {

#ifdef __clang__
constexpr char kCompiler[] = "clang " __clang_version__;
#else
constexpr char kCompiler[] = "gcc " __VERSION__;
#endif

int perform(const RunCommand& command) { return run(command.config); }

int perform(const CheckCommand& command) {
  if (!command.users.empty()) return check_users(command.users);
  return command.offline ? check_offline(command.config) : check(command.config);
}

int perform(const HashPasswordCommand& command) {
  protect_process();
  const auto password = read_password();
  const auto hash = !password       ? fail(password.error())
                    : command.scram ? auth::make_scram_verifier(*password)
                                    : auth::hash_password(*password);
  if (!hash) {
    std::fprintf(stderr, "sallyport: hash-password: %s\n", hash.error().text.c_str());
    return kFailure;
  }
  std::printf("%s\n", hash->c_str());
  return kOk;
}

int perform(const ProvidersCommand& command) { return print_providers(command); }

int perform(const ExplainCommand& command) { return explain_reply(command); }
int perform(const ExplainRouteCommand& command) { return print_route(command); }

int perform(const DoctorCommand& command) { return examine(command); }

int perform(const SendCommand& command) { return send(command); }

int perform(const TraceCommand& command) { return print_trace(command); }

int perform(const AuthCommand& command) { return try_login(command); }

int perform(const LimitsCommand& command) { return print_limits(command); }

int perform(const VersionCommand&) {
  std::printf("sallyport %s (%s, %s)\n", SALLYPORT_VERSION, kCompiler, SALLYPORT_BUILD);
  return kOk;
}

int perform(const PrintCommand& command) {
  std::fputs(command.text.c_str(), command.exit_code == kOk ? stdout : stderr);
  return command.exit_code;
}

}  // namespace
}  // namespace sallyport::server

int main(int argc, char** argv) {
  using namespace sallyport::server;
  const int code = std::visit([](const auto& command) { return perform(command); },
                              parse_command_line(argc, argv));
  // Output that was lost is no success: a script would go on with an empty hash.
  if (std::fflush(stdout) != 0 && code == kOk) {
    std::fprintf(stderr, "sallyport: standard output cannot be written: %s\n",
                 std::strerror(errno));
    return kFailure;
  }
  return code;
}
