// Commands: every line is refused with a reply that is fit for the wire, or gives a value from
// which the same command can be written and read again.
#include <initializer_list>
#include <string>

#include "proxy/base/utf8.h"
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
  const MailParameters& said = mail.parameters;
  std::string text = "FROM:<" + mail.reverse_path.str() + '>';
  if (said.size) text += " SIZE=" + std::to_string(*said.size);
  if (said.body == BodyType::k8bitmime) text += " BODY=8BITMIME";
  if (said.body == BodyType::kBinarymime) text += " BODY=BINARYMIME";
  if (said.smtputf8) text += " SMTPUTF8";
  if (said.require_tls) text += " REQUIRETLS";
  if (said.ret) text += *said.ret == Ret::kFull ? " RET=FULL" : " RET=HDRS";
  if (said.mt_priority) text += " MT-PRIORITY=" + std::to_string(*said.mt_priority);
  if (!said.envid.empty()) text += " ENVID=" + said.envid;
  if (!said.auth.empty()) text += " AUTH=" + said.auth;
  return text;
}

std::string write(const RcptCommand& rcpt) {
  const Notify& notify = rcpt.parameters.notify;
  std::string text = "TO:<" + rcpt.forward_path.str() + '>';
  std::string list;
  if (notify.success) list += ",SUCCESS";
  if (notify.failure) list += ",FAILURE";
  if (notify.delay) list += ",DELAY";
  FUZZ_CHECK(!notify.never || list.empty());
  if (notify.never) list = ",NEVER";
  if (!list.empty()) text += " NOTIFY=" + list.substr(1);
  if (!rcpt.parameters.orcpt.empty()) text += " ORCPT=" + rcpt.parameters.orcpt;
  return text;
}

/// What goes on to an upstream ends no line and opens no parameter of its own.
void check_texts(std::initializer_list<std::string_view> texts, bool smtputf8) {
  for (const std::string_view text : texts) {
    FUZZ_CHECK(text.find_first_of(std::string_view(" =\r\n\0\t", 6)) == text.npos);
    FUZZ_CHECK(utf8::is_valid(text) && (smtputf8 || utf8::is_ascii(text)));
  }
}

void check_mail(std::string_view arguments) {
  const auto mail = parse_mail(arguments, ExtensionSet::all());
  if (!mail) return check_refusal(mail.error());
  const auto again = parse_mail(write(*mail), ExtensionSet::all());
  FUZZ_CHECK(again && again->reverse_path == mail->reverse_path &&
             again->parameters == mail->parameters);
  const MailParameters& said = mail->parameters;
  check_texts({said.envid, said.auth}, false);
  FUZZ_CHECK(said.smtputf8 || utf8::is_ascii(mail->reverse_path.str()));
  FUZZ_CHECK(utf8::is_valid(mail->reverse_path.str()));
  FUZZ_CHECK(said.mt_priority.value_or(0) >= -9 && said.mt_priority.value_or(0) <= 9);
  // Where nothing is offered nothing is taken.
  const auto plain = parse_mail(arguments, {});
  FUZZ_CHECK(!plain || plain->parameters == MailParameters());
}

void check_rcpt(std::string_view arguments) {
  for (const bool smtputf8 : {false, true}) {
    const auto rcpt = parse_rcpt(arguments, ExtensionSet::all(), smtputf8);
    if (!rcpt) {
      check_refusal(rcpt.error());
      continue;
    }
    const auto again = parse_rcpt(write(*rcpt), ExtensionSet::all(), smtputf8);
    FUZZ_CHECK(again && again->forward_path == rcpt->forward_path &&
               again->parameters == rcpt->parameters);
    check_texts({rcpt->parameters.orcpt}, smtputf8);
    FUZZ_CHECK(smtputf8 || utf8::is_ascii(rcpt->forward_path.str()));
  }
}

void check_auth(std::string_view arguments) {
  const auto auth = parse_auth(arguments);
  if (!auth) return check_refusal(auth.error());
  const auto again = parse_auth(
      auth->initial_response ? auth->mechanism + ' ' + *auth->initial_response : auth->mechanism);
  FUZZ_CHECK(again && again->mechanism == auth->mechanism &&
             again->initial_response == auth->initial_response);
}

void check_bdat(std::string_view arguments) {
  const auto bdat = parse_bdat(arguments);
  if (!bdat) return check_refusal(bdat.error());
  const auto again = parse_bdat(std::to_string(bdat->size) + (bdat->last ? " LAST" : ""));
  FUZZ_CHECK(again == bdat);
}

void check_ehlo(std::string_view arguments) {
  const auto name = parse_ehlo(arguments);
  if (!name) return check_refusal(name.error());
  // It goes into Received fields: nothing that ends a word, opens a comment or folds a line.
  FUZZ_CHECK(!name->empty() && name->size() <= 255);
  for (const char c : *name) FUZZ_CHECK(c > ' ' && c < 0x7f);
  FUZZ_CHECK(name->starts_with('[') || name->find_first_of("()<>@,;\\\"[]") == name->npos);
  const auto again = parse_ehlo(*name);
  FUZZ_CHECK(again == name);
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
    case Verb::kBdat:
      check_bdat(command.arguments);
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
  check_bdat(line);
  check_ehlo(line);
  return 0;
}
