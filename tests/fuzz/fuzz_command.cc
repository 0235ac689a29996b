// Commands: every line is refused with a reply that is fit for the wire, or gives a value from
// which the same command can be written and read again.
#include <string>

#include "proxy/smtp/command.h"
#include "proxy/smtp/order.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

void check_refusal(const Reply& reply) {
  FUZZ_CHECK(reply.is_permanent() && !reply.text().empty());
  const std::string wire = reply.wire();
  std::string_view rest = wire;
  ReplyParser parser;
  const auto parsed = parser.feed(rest);
  FUZZ_CHECK(parsed && *parsed && rest.empty());
  FUZZ_CHECK((*parsed)->code == reply.code && (*parsed)->enhanced == reply.enhanced);
}

std::string write(const MailCommand& mail) {
  std::string text = "FROM:<" + mail.reverse_path.str() + '>';
  if (mail.parameters.size) text += " SIZE=" + std::to_string(*mail.parameters.size);
  if (mail.parameters.body == BodyType::k8bitmime) text += " BODY=8BITMIME";
  return text;
}

void check_mail(std::string_view arguments) {
  const auto mail = parse_mail(arguments);
  if (!mail) return check_refusal(mail.error());
  const auto again = parse_mail(write(*mail));
  FUZZ_CHECK(again && again->reverse_path == mail->reverse_path && again->size == mail->size &&
             again->body == mail->body);
}

void check_rcpt(std::string_view arguments) {
  const auto rcpt = parse_rcpt(arguments);
  if (!rcpt) return check_refusal(rcpt.error());
  const auto again = parse_rcpt("TO:<" + rcpt->forward_path.str() + '>');
  FUZZ_CHECK(again && again->forward_path == rcpt->forward_path);
}

void check_auth(std::string_view arguments) {
  const auto auth = parse_auth(arguments);
  if (!auth) return check_refusal(auth.error());
  const auto again = parse_auth(
      auth->initial_response ? auth->mechanism + ' ' + *auth->initial_response : auth->mechanism);
  FUZZ_CHECK(again && again->mechanism == auth->mechanism &&
             again->initial_response == auth->initial_response);
}

void check_ehlo(std::string_view arguments) {
  const auto name = parse_ehlo(arguments);
  if (!name) return check_refusal(name.error());
  // It goes into Received fields: nothing that ends a word, opens a comment or folds a line.
  FUZZ_CHECK(*name == arguments && !name->empty() && name->size() <= 255);
  for (const char c : *name) FUZZ_CHECK(c > ' ' && c < 0x7f);
  FUZZ_CHECK(name->starts_with('[') || name->find_first_of("()<>@,;\\\"[]") == name->npos);
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport::smtp;
  const std::string_view line = sallyport::fuzz::text(data, size);
  const CommandLine command = split_command(line);
  FUZZ_CHECK(command.arguments.size() <= line.size());
  FUZZ_CHECK(!name(command.verb).empty());
  switch (command.verb) {
    case Verb::kMail:
      check_mail(command.arguments);
      break;
    case Verb::kRcpt:
      check_rcpt(command.arguments);
      break;
    case Verb::kAuth:
      check_auth(command.arguments);
      break;
    case Verb::kEhlo:
    case Verb::kHelo:
      check_ehlo(command.arguments);
      break;
    default:
      break;
  }
  // And as the arguments of each: no verb in front of the fuzzer's way.
  check_mail(line);
  check_rcpt(line);
  check_auth(line);
  check_ehlo(line);
  return 0;
}
