#include "proxy/submission/refused_data.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/smtp/command.h"

namespace sallyport::submission {

bool RefusedData::takes(std::string_view line) {
  // RFC 2920 section 3.1: DATA is the last command of a group, for its client must wait for the
  // reply. What has come together with it is content, whatever it says; only what ends a
  // transaction or a session, or does nothing, is let pass.
  const bool came_with_data = behind_ > 0;
  behind_ -= std::min(behind_, line.size() + 2);
  const smtp::CommandLine command = smtp::split_command(line);
  switch (command.verb) {
    case smtp::Verb::kRset:
    case smtp::Verb::kNoop:
    case smtp::Verb::kHelp:
    case smtp::Verb::kQuit:
      return !command.arguments.empty();
    case smtp::Verb::kData:
      return came_with_data || !command.arguments.empty();
    case smtp::Verb::kMail:
      return came_with_data || !ascii::starts_with_ignoring_case(command.arguments, "FROM:");
    case smtp::Verb::kRcpt:
      return came_with_data || !ascii::starts_with_ignoring_case(command.arguments, "TO:");
    case smtp::Verb::kBdat:
      return came_with_data || !smtp::parse_bdat(command.arguments);
    case smtp::Verb::kEhlo:
    case smtp::Verb::kHelo:
      return came_with_data || command.arguments.contains(' ');
    default:
      return true;  // no client has a reason to say this now, and texts begin with any word
  }
}

}  // namespace sallyport::submission
