// The sections about this end: the process, and how it runs.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/numbers.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr milliseconds kShortestTimeout{10};
constexpr std::uint64_t kGiB = 1ull << 30;
constexpr std::size_t kLongestSocketPath = 107;  // what a sockaddr_un has room for
constexpr std::uint32_t kTracedByDefault = 1000;

void read_session(const Section& section, Session& session) {
  const auto timeout = duration_form(kShortestTimeout, hours(24));
  const auto count = integer_form<std::uint32_t>(1, 1'000'000);
  section.read("max_recipients", session.max_recipients, count);
  section.read("overflow", session.overflow,
               choice_form<Overflow>({{"reject", Overflow::kReject},
                                      {"split", Overflow::kSplit},
                                      {"client", Overflow::kClient}}));
  section.read(
      "reply", session.reply,
      choice_form<ReplyWords>({{"upstream", ReplyWords::kUpstream}, {"ours", ReplyWords::kOurs}}));
  section.read("max_messages", session.max_messages, integer_form<std::uint32_t>(0, 1'000'000));
  section.read("max_errors", session.max_errors, count);
  section.read("max_auth_failures", session.max_auth_failures, count);
  section.read("max_connections", session.max_connections, count);
  section.read("max_connections_per_network", session.max_connections_per_network, count);
  section.read("max_age", session.max_age,
               duration_form(std::chrono::minutes(1), std::chrono::days(365)));
  section.read("max_unauthenticated_per_network", session.max_unauthenticated_per_network, count);
  section.read("max_commands_before_login", session.max_commands_before_login, count);
  section.read("max_idle_commands", session.max_idle_commands,
               integer_form<std::uint32_t>(1, 1'000'000'000));
  section.read("greeting_timeout", session.greeting_timeout, timeout);
  section.read("login_timeout", session.login_timeout, timeout);
  section.read("command_timeout", session.command_timeout, timeout);
  section.read("data_timeout", session.data_timeout, timeout);
  section.read("min_data_rate", session.min_data_rate, size_form(0, kGiB));
  section.read("upstream_timeout", session.upstream_timeout, timeout);
}

void read_message(const Section& section, Message& message) {
  section.read("max_size", message.max_size, size_form(1, kGiB));
  section.read("max_header_size", message.max_header_size, size_form(1024, kGiB));
  section.read("memory_threshold", message.memory_threshold, size_form(0, kGiB));
  section.read("budget", message.budget, size_form(1, 1024 * kGiB));
  section.read("directory", message.directory,
               path_form("the path of a folder", section.problems().file()));
  if (message.budget < message.max_size) {
    section.blame("budget",
                  fmt::format("is {}, less than message.max_size ({}): the largest message "
                              "could never be taken; expected at least {}",
                              size_str(message.budget), size_str(message.max_size),
                              size_str(message.max_size)));
  }
}

/// Otherwise it would be found out by the first client with a large message, who hears 451.
/// `where`: of the directory, if it is said.
void check_spill_directory(Problems& problems, Place where, const Outside& outside,
                           const Message& message) {
  if (!outside.writable || message.memory_threshold >= message.max_size) return;  // no file is made
  const auto writable = outside.writable(message.directory);
  if (writable) return;
  problems.add(where, fmt::format("message.directory is {}, where no file can be made: {}; "
                                  "expected a folder that the user who runs sallyport may write "
                                  "to: make it, change its owner, or name another one",
                                  quote(message.directory), writable.error().text));
}

void read_log(const Section& section, Log& log) {
  section.read(
      "format", log.format,
      choice_form<log::Format>({{"logfmt", log::Format::kLogfmt}, {"json", log::Format::kJson}}));
  section.read("level", log.level,
               choice_form<log::Level>({{"debug", log::Level::kDebug},
                                        {"info", log::Level::kInfo},
                                        {"warning", log::Level::kWarning},
                                        {"error", log::Level::kError}}));
}

void read_admin_socket(const Section& section, Config& config) {
  if (!section.read("socket", config.admin_socket,
                    path_form("the path of a unix socket", section.problems().file()))) {
    if (section.has("trace") && !section.has("socket")) {
      section.blame("trace",
                    "means nothing without admin.socket, by which messages are asked for; "
                    "expected admin.socket as well");
    }
    return;
  }
  config.admin_socket_origin = {section.place_of("socket")};
  if (config.admin_socket.size() > kLongestSocketPath) {
    section.blame("socket", fmt::format("is {}, which has {} octets; expected at most {}",
                                        quote(config.admin_socket), config.admin_socket.size(),
                                        kLongestSocketPath));
  }
  config.trace = kTracedByDefault;
  section.read("trace", config.trace, integer_form<std::uint32_t>(0, 1'000'000));
}

void read_admin(const Section& section, Config& config) {
  read_admin_socket(section, config);
  Endpoint address;
  if (!section.has("address") && section.has("socket")) return;
  if (section.require("address", address, endpoint_form())) config.admin = address;
  for (const Listener& listener : config.listeners) {
    if (!overlap(address, listener.address)) continue;
    section.blame("address", fmt::format("is {}, and a [[listener]] is at {} already; expected "
                                         "another port",
                                         quote(str(address)), str(listener.address)));
    break;
  }
  config.admin_origin = {section.place_of("address")};
}

}  // namespace

void read_process(const Section& top, const Outside& outside, Config& config) {
  top.read("workers", config.workers, integer_form<std::uint32_t>(0, 1024));
  top.read("drain_timeout", config.drain_timeout, duration_form(milliseconds(0), hours(24)));
  top.read("partial_rejection", config.partial_rejection,
           choice_form<PartialRejection>(
               {{"reject", PartialRejection::kReject}, {"deliver", PartialRejection::kDeliver}}));

  const auto form = domain_form();
  if (top.has("hostname")) {
    top.read("hostname", config.hostname, form);
    return;
  }
  const auto own = outside.host_name ? outside.host_name() : std::nullopt;
  if (own && own->contains('.') && is_domain(*own)) {
    config.hostname = *own;
  } else if (own) {
    top.blame("hostname", fmt::format("is missing and this machine's own name, {}, is not fully "
                                      "qualified; expected {}",
                                      quote(*own), form.expected));
  } else {
    top.missing("hostname", form.expected);
  }
}

void read_operation(const Section& top, const Outside& outside, Config& config) {
  // A message is sent to all of its recipients or to none, whoever refuses one: the upstream or we.
  config.session.overflow =
      config.partial_rejection == PartialRejection::kReject ? Overflow::kReject : Overflow::kClient;
  if (const auto section = top.table("session", schema::kSession))
    read_session(*section, config.session);
  Place directory;
  if (const auto section = top.table("message", schema::kMessage)) {
    read_message(*section, config.message);
    directory = section->place_of("directory");
  }
  check_spill_directory(top.problems(), directory, outside, config.message);
  if (const auto section = top.table("log", schema::kLog)) read_log(*section, config.log);
  if (const auto section = top.table("admin", schema::kAdmin)) {
    read_admin(*section, config);
  }
  if (const auto section = top.table("metrics", schema::kMetrics)) {
    section->read("max_users", config.metrics.max_users, integer_form<std::uint32_t>(0, 100'000));
  }
}

}  // namespace sallyport::config
