// What a person reads when a config is not accepted: each message whole, with its line and column.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kWithTls = "[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\n";
constexpr std::string_view kUpstream =
    "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\nusername = 'u'\n";
constexpr std::string_view kUpstreams =
    "[[upstream]]\nname = 'ses'\nprovider = 'capture'\npath = '/a'\n"
    "[[upstream]]\nname = 'mailgun'\nprovider = 'capture'\npath = '/b'\n";

using testing::ElementsAre;

/// A config (what it lacks is added behind it) and everything that is wrong with it.
struct Case {
  std::string_view text;
  std::vector<std::string> problems;
};

/// `text` behind a [tls] that is accepted.
std::string with_tls(std::string_view text) { return std::string(kWithTls) + std::string(text); }

void expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(problems_of(c.text), c.problems) << c.text;
}

TEST(Problems, OfUnknownKeys) {
  expect({
      {"hostnme = 'mail.example.com'",
       {"c.toml:1:1: unknown key 'hostnme' at the top level; did you mean 'hostname'?"}},
      {"[[listener]]\nadress = '[::1]:25'\ntls = 'none'",
       {"c.toml:2:1: unknown key 'adress' in [[listener]]; did you mean 'address'?"}},
      {"[log]\ncolour = true",
       {"c.toml:2:1: unknown key 'colour' in [log]; expected 'format' or 'level'"}},
      {"[log]\nlevel = 'info'\nworkers = 2",
       {"c.toml:3:1: unknown key 'workers' in [log]; it belongs at the top level, above the first "
        "[table]"}},
      {"[sesion]\nmax_errors = 3",
       {"c.toml:1:2: unknown key 'sesion' at the top level; did you mean 'session'?"}},
      {"[log]\n\"col\\nour\" = 1",
       {"c.toml:2:1: unknown key 'col\\u000aour' in [log]; expected 'format' or 'level'"}},
  });
}

TEST(Problems, OfTypesAndRanges) {
  expect({
      {"workers = 'two'", {"c.toml:1:11: workers is \"two\"; expected an integer from 0 to 1024"}},
      {"workers = 2.5", {"c.toml:1:11: workers is 2.5; expected an integer from 0 to 1024"}},
      {"workers = -1", {"c.toml:1:11: workers is -1; expected an integer from 0 to 1024"}},
      {"workers = 1025", {"c.toml:1:11: workers is 1025; expected an integer from 0 to 1024"}},
      {"workers = true", {"c.toml:1:11: workers is true; expected an integer from 0 to 1024"}},
      {"workers = [2]", {"c.toml:1:11: workers is an array; expected an integer from 0 to 1024"}},
      {"drain_timeout = 30",
       {"c.toml:1:17: drain_timeout is 30; expected a duration from 0s to 1d, such as \"30s\" or "
        "\"1h30m\""}},
      {"drain_timeout = '2d'",
       {"c.toml:1:17: drain_timeout is \"2d\"; expected a duration from 0s to 1d, such as \"30s\" "
        "or "
        "\"1h30m\""}},
      {"drain_timeout = 1979-05-27",
       {"c.toml:1:17: drain_timeout is a date or time; expected a duration from 0s to 1d, such as "
        "\"30s\" or \"1h30m\""}},
      {"partial_rejection = 'Reject'",
       {"c.toml:1:21: partial_rejection is \"Reject\"; expected \"reject\" or \"deliver\""}},
      {"[message]\nmax_size = '25 MB!'",
       {"c.toml:2:12: message.max_size is \"25 MB!\"; expected a size from 1 octet to 1 GiB, such "
        "as "
        "\"25 MiB\" or a number of octets"}},
      {"[message]\nmax_size = 0",
       {"c.toml:2:12: message.max_size is 0; expected a size from 1 octet to 1 GiB, such as \"25 "
        "MiB\" "
        "or a number of octets"}},
      {"[message]\nmax_size = '20 MiB'\nbudget = '10 MiB'",
       {"c.toml:3:10: message.budget is 10 MiB, less than message.max_size (20 MiB): the largest "
        "message could never be taken; expected at least 20 MiB"}},
      {"[message]\nmax_size = '600 MiB'",
       {"c.toml:1:1: message.budget is 512 MiB, less than message.max_size (600 MiB): the largest "
        "message could never be taken; expected at least 600 MiB"}},
      {"[message]\ndirectory = ''",
       {"c.toml:2:13: message.directory is \"\": it is empty; expected the path of a folder"}},
      {"[session]\nmax_errors = 0\ncommand_timeout = '0s'",
       {"c.toml:2:14: session.max_errors is 0; expected an integer from 1 to 1000000",
        "c.toml:3:19: session.command_timeout is \"0s\"; expected a duration from 10ms to 1d, such "
        "as "
        "\"30s\" or \"1h30m\""}},
      {"[log]\nformat = 'text'\nlevel = 'warn'",
       {"c.toml:2:10: log.format is \"text\"; expected \"logfmt\" or \"json\"",
        "c.toml:3:9: log.level is \"warn\"; expected \"debug\", \"info\", \"warning\" or "
        "\"error\""}},
      {"[metrics]\nmax_users = -1",
       {"c.toml:2:13: metrics.max_users is -1; expected an integer from 0 to 100000"}},
      {"[admin]",
       {"c.toml:1:1: admin.address is missing; expected an IP address and a port, such as "
        "\"[::]:465\" or \"127.0.0.1:2525\""}},
      {"[admin]\nsocket = 5",
       {"c.toml:2:10: admin.socket is 5; expected the path of a unix socket"}},
      {"[admin]\nsocket = 's'\ntrace = 1000001",
       {"c.toml:3:9: admin.trace is 1000001; expected an integer from 0 to 1000000"}},
      {"[admin]\naddress = '127.0.0.1:9'\ntrace = 5",
       {"c.toml:3:9: admin.trace means nothing without admin.socket, by which messages are asked "
        "for; expected admin.socket as well"}},
      {"[admin]\nsocket = '/" + std::string(107, 'x') + "'",
       {"c.toml:2:10: admin.socket is \"/" + std::string(59, 'x') +
        "…\", which has 108 octets; expected at most 107"}},
  });
}

TEST(Problems, OfBruteForce) {
  const std::string user = "[[auth.user]]\nname = 'a'\npassword = '" + std::string(kHash) + "'\n";
  const auto problem = [&](const char* line) {
    const auto problems = problems_of("[auth.brute_force]\n" + std::string(line) + "\n" + user);
    return problems.size() == 1 ? problems.front() : "not one";
  };
  EXPECT_EQ(problem("network_failures = -1"),
            "c.toml:2:20: auth.brute_force.network_failures is -1; expected an integer from 0 to "
            "1000000");
  EXPECT_EQ(problem("max_delay = '2m'"),
            "c.toml:2:13: auth.brute_force.max_delay is \"2m\"; expected a duration from 0s to 1m, "
            "such as \"30s\" or \"1h30m\"");
  EXPECT_EQ(problem("blok = '1h'"),
            "c.toml:2:1: unknown key 'blok' in [auth.brute_force]; did you mean 'block'?");
}

TEST(Problems, OfTablesThatAreNone) {
  expect({
      {"log = 'json'", {"c.toml:1:7: log is \"json\"; expected one table: [log]"}},
      {"[[log]]\nformat = 'json'", {"c.toml:1:1: log is an array; expected one table: [log]"}},
      {"[listener]\naddress = '127.0.0.1:25'",
       {"c.toml:1:1: listener is a table; expected tables that each begin with [[listener]]"}},
      {"listener = [5]",
       {"c.toml:1:13: listener[1] is 5; expected tables that each begin with [[listener]]"}},
      {"listener = []",
       {"c.toml: listener is missing; expected at least one [[listener]] with an address"}},
      {"[[route]]\nupstreams = 'out'",
       {"c.toml:2:13: route[1].upstreams is \"out\"; expected an array; each element the name of "
        "an [[upstream]], or { name, priority, weight }"}},
      {"[[route]]\nsenders = []\nupstreams = []",
       {"c.toml:2:11: route[1].senders is an empty array; expected at least one element, each "
        "\"*\", "
        "\"*@example.com\", \"*@*.example.com\", \"name@example.com\" or \"<>\"",
        "c.toml:3:13: route[1].upstreams is an empty array; expected at least one element, each "
        "the name of an [[upstream]], or { name, priority, weight }"}},
  });
}

TEST(Problems, OfListeners) {
  const std::string duplicate =
      with_tls("[[listener]]\naddress = '[::]:465'\n[[listener]]\naddress = '[0:0:0::0]:465'");
  const std::string any_port =
      with_tls("[[listener]]\naddress = '[::]:0'\n[[listener]]\naddress = '[::]:0'");
  expect({
      {"[[listener]]\ntls = 'none'",
       {"c.toml:1:1: listener[1].address is missing; expected an IP address and a port, such as "
        "\"[::]:465\" or \"127.0.0.1:2525\""}},
      {"[[listener]]\naddress = 'localhost:25'\ntls = 'none'",
       {"c.toml:2:11: listener[1].address is \"localhost:25\"; expected an IP address and a port, "
        "such "
        "as \"[::]:465\" or \"127.0.0.1:2525\""}},
      {"[[listener]]\naddress = '127.0.0.1:25'\ntls = 'smtps'\n[tls]\ncertificate = 'tls.crt'\nkey "
       "= "
       "'tls.key'",
       {"c.toml:3:7: listener[1].tls is \"smtps\"; expected \"implicit\", \"starttls\" or "
        "\"none\""}},
      {"[[listener]]\naddress = '0.0.0.0:25'\ntls = 'none'",
       {"c.toml:3:7: listener[1].tls is \"none\" and \"0.0.0.0:25\" is not a loopback address: "
        "passwords and mail would cross the network in clear; expected \"implicit\" or "
        "\"starttls\", "
        "or allow_plaintext = true to say it twice"}},
      {"[[listener]]\naddress = '0.0.0.0:25'\ntls = 'none'\nallow_plaintext = true", {"accepted"}},
      {"[[listener]]\naddress = '0.0.0.0:25'\ntls = 'none'\nallow_plaintext = 'yes'",
       {"c.toml:3:7: listener[1].tls is \"none\" and \"0.0.0.0:25\" is not a loopback address: "
        "passwords and mail would cross the network in clear; expected \"implicit\" or "
        "\"starttls\", "
        "or allow_plaintext = true to say it twice",
        "c.toml:4:19: listener[1].allow_plaintext is \"yes\"; expected true or false"}},
      {"[[listener]]\naddress = '[::]:465'",
       {"c.toml: tls is missing; expected [tls] with certificate and key, for the listeners whose "
        "tls "
        "is not \"none\""}},
      {duplicate,
       {"c.toml:7:11: listener[2].address is \"[::]:465\", which line 5 has already; expected "
        "another "
        "one"}},
      {any_port, {"accepted"}},
      {"[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\ndisabled_extensions = ['DSN', "
       "'STARTTLS', 'dsn', 5]",
       {"c.toml:4:31: listener[1].disabled_extensions[2] is \"STARTTLS\"; expected an extension: "
        "\"8BITMIME\", \"BINARYMIME\", \"CHUNKING\", \"DSN\", \"ENHANCEDSTATUSCODES\", "
        "\"LIMITS\", \"MT-PRIORITY\", \"PIPELINING\", \"REQUIRETLS\", \"SIZE\" or \"SMTPUTF8\"",
        "c.toml:4:43: listener[1].disabled_extensions[3] is \"DSN\" again; expected each extension "
        "once",
        "c.toml:4:50: listener[1].disabled_extensions[4] is 5; expected an extension: "
        "\"8BITMIME\", "
        "\"BINARYMIME\", \"CHUNKING\", \"DSN\", \"ENHANCEDSTATUSCODES\", \"LIMITS\", "
        "\"MT-PRIORITY\", \"PIPELINING\", \"REQUIRETLS\", \"SIZE\" or \"SMTPUTF8\""}},
      {"[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\ndisabled_extensions = 'DSN'",
       {"c.toml:4:23: listener[1].disabled_extensions is \"DSN\"; expected an array; each element "
        "an "
        "extension: \"8BITMIME\", \"BINARYMIME\", \"CHUNKING\", \"DSN\", "
        "\"ENHANCEDSTATUSCODES\", \"LIMITS\", \"MT-PRIORITY\", \"PIPELINING\", "
        "\"REQUIRETLS\", \"SIZE\" or \"SMTPUTF8\""}},
  });
}

TEST(Problems, OfWhoMayBeAProxyAndWhoSpeaksFirst) {
  const auto with = [](std::string_view line) {
    return std::string("[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\n") +
           std::string(line);
  };
  const std::string host_bits = with("proxy_protocol = ['10.0.0.1/8']");
  const std::string too_long = with("proxy_protocol = ['fd00::/8', '10.0.0.0/33', 7]");
  const std::string no_array = with("proxy_protocol = true");
  const std::string none = with("proxy_protocol = []");
  const std::string delay = with("greeting_delay = '1m'");
  const std::string implicit =
      std::string(kWithTls) + "[[listener]]\naddress = '[::]:465'\ngreeting_delay = '3s'";
  const std::string expected =
      "a network such as \"10.0.0.0/8\" or \"fd00::/8\", or one IP address";
  expect({
      {host_bits,
       {"c.toml:4:19: listener[1].proxy_protocol[1] is \"10.0.0.1/8\": it has bits behind its "
        "length, where \"10.0.0.0/8\" has none; expected " +
        expected}},
      {too_long,
       {"c.toml:4:31: listener[1].proxy_protocol[2] is \"10.0.0.0/33\"; expected " + expected,
        "c.toml:4:46: listener[1].proxy_protocol[3] is 7; expected " + expected}},
      {no_array,
       {"c.toml:4:18: listener[1].proxy_protocol is true; expected an array; each element " +
        expected}},
      {none,
       {"c.toml:4:18: listener[1].proxy_protocol is an empty array; expected at least one element, "
        "each " +
        expected}},
      {delay,
       {"c.toml:4:18: listener[1].greeting_delay is \"1m\"; expected a duration from 0s to 30s, "
        "such as \"30s\" or \"1h30m\""}},
      {implicit,
       {"c.toml:6:18: listener[1].greeting_delay is \"3s\", but with tls = \"implicit\" it is "
        "the client that speaks first; expected \"0s\" or no greeting_delay here"}},
  });
}

TEST(Problems, OfHeaderWork) {
  const auto with = [](std::string_view keys) {
    return "[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\n[listener.header]\n" +
           std::string(keys);
  };
  const std::string removed =
      with("remove = ['User-Agent', 'User Agent', '', 5, 'FROM', 'Content-Type']");
  const std::string not_a_list = with("remove = 'User-Agent'");
  const std::string added = with(
      "[listener.header.add]\n'X-A' = 'ok'\n'X A' = 'x'\nSubject = 'x'\n'Content-Type' = 'x'\n"
      "'Resent-To' = 'x'\n'x-a' = 'x'\n'X-B' = ''\n'X-C' = \"x\\r\\nBcc: y\"\n'X-D' = ' x'\n"
      "'X-E' = 'ä'\n'X-F' = 5");
  const std::string long_text = with("add = { X = '" + std::string(996, 'x') + "' }");
  const std::string longest_text = with("add = { X = '" + std::string(995, 'x') + "' }");
  const std::string not_a_table = with("add = ['X-A: b']");
  const std::string others =
      with("message_id_domain = 'example'\nhide_client = 'yes'\nhide = true");
  const std::string bad_domain = with("message_id_domain = 'ex ample'");
  const std::string kName = "expected the name of a header field, such as \"User-Agent\"";
  const std::string kText =
      "expected text of printable ASCII, without blanks at its ends, that makes a line of at most "
      "998 octets with its name";
  const std::string kEach =
      "is a field that belongs to each message; expected one that is the same for all";
  expect({
      {removed,
       {"c.toml:5:25: listener[1].header.remove[2] is \"User Agent\"; " + kName,
        "c.toml:5:39: listener[1].header.remove[3] is \"\"; " + kName,
        "c.toml:5:43: listener[1].header.remove[4] is 5; " + kName,
        "c.toml:5:46: listener[1].header.remove[5] is \"FROM\": a message must have it; " + kName,
        "c.toml:5:54: listener[1].header.remove[6] is \"Content-Type\": the body cannot be read "
        "without it; " +
            kName}},
      {not_a_list,
       {"c.toml:5:10: listener[1].header.remove is \"User-Agent\"; expected an array; each element "
        "the name of a header field, such as \"User-Agent\""}},
      {added,
       {"c.toml:7:1: listener[1].header.add.\"X A\" is no field; " + kName,
        "c.toml:8:1: listener[1].header.add.\"Subject\" " + kEach,
        "c.toml:9:1: listener[1].header.add.\"Content-Type\" " + kEach,
        "c.toml:10:1: listener[1].header.add.\"Resent-To\" " + kEach,
        "c.toml:11:1: listener[1].header.add.\"x-a\" is the same field as \"X-A\"; expected each "
        "once",
        "c.toml:12:9: listener[1].header.add.\"X-B\" is \"\"; " + kText,
        "c.toml:13:9: listener[1].header.add.\"X-C\" is \"x\\u000d\\u000aBcc: y\"; " + kText,
        "c.toml:14:9: listener[1].header.add.\"X-D\" is \" x\"; " + kText,
        "c.toml:15:9: listener[1].header.add.\"X-E\" is \"ä\"; " + kText,
        "c.toml:16:9: listener[1].header.add.\"X-F\" is 5; " + kText}},
      {long_text,
       {"c.toml:5:13: listener[1].header.add.\"X\" is \"" + std::string(60, 'x') + "…\"; " +
        kText}},
      {longest_text, {"accepted"}},
      {not_a_table,
       {"c.toml:5:7: listener[1].header.add is an array; expected a table of field names and their "
        "text, such as { \"X-Environment\" = \"production\" }"}},
      {others,
       {"c.toml:6:15: listener[1].header.hide_client is \"yes\"; expected true or false",
        "c.toml:7:1: unknown key 'hide' in [listener.header]; expected 'remove', 'add', "
        "'message_id_domain' or 'hide_client'"}},
      {bad_domain,
       {"c.toml:5:21: listener[1].header.message_id_domain is \"ex ample\"; expected a host name "
        "such as \"mail.example.com\""}},
      {"[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\ncompat = 1\nheader = 5",
       {"c.toml:4:10: listener[1].compat is 1; expected true or false",
        "c.toml:5:10: listener[1].header is 5; expected one table: [listener[1].header]"}},
  });
}

TEST(Problems, OfTheServersCertificate) {
  expect({
      {"[tls]\nkey = 'tls.key'",
       {"c.toml:1:1: tls.certificate is missing; expected the path of a PEM file"}},
      {"[tls]\ncertificate = 'lost.crt'\nkey = 5",
       {"c.toml:2:15: tls.certificate is \"lost.crt\", which cannot be read: No such file or "
        "directory; expected the path of a PEM file",
        "c.toml:3:7: tls.key is 5; expected the path of a PEM file"}},
  });
}

TEST(Problems, OfMoreCertificates) {
  const std::string pair = "[[tls.pair]]\n";
  expect({
      {with_tls(pair),
       {"c.toml:4:1: tls.pair[1].certificate is missing; expected the path of a PEM file",
        "c.toml:4:1: tls.pair[1].key is missing; expected the path of a PEM file"}},
      {with_tls(pair + "certificate = 'lost.crt'\nkey = 'tls.key'"),
       {"c.toml:5:15: tls.pair[1].certificate is \"lost.crt\", which cannot be read: No such file "
        "or "
        "directory; expected the path of a PEM file"}},
      {with_tls(pair + "certificate = 'tls.crt'\nkey = 'tls.key'\nocsp_response = ''"),
       {"c.toml:5:15: tls.pair[1].certificate is \"tls.crt\", which line 2 has already; expected "
        "another one",
        "c.toml:7:17: tls.pair[1].ocsp_response is \"\": it is empty; expected the path of an OCSP "
        "response in DER"}},
      {with_tls("pair = 3"),
       {"c.toml:4:8: tls.pair is 3; expected tables that each begin with [[tls.pair]]"}},
      {with_tls("directory = 'certs'"), {"accepted"}},
      {with_tls("directory = 1"),
       {"c.toml:4:13: tls.directory is 1; expected the path of a folder with certificates"}},
      {with_tls("ocsp_response = 'lost.ocsp'"), {"accepted"}},
      {with_tls("policy = 'old'"),
       {"c.toml:4:10: tls.policy is \"old\"; expected \"intermediate\" or \"modern\""}},
  });
  const FakeOutside usual = usual_outside();
  Outside outside = usual.outside();
  outside.listable = [](const std::string&) {
    return Result<void>(fail(ErrorCode::kSystem, "Not a directory"));
  };
  const auto config = parse(completed(with_tls("directory = 'certs'")), "c.toml", outside);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().front().str(),
            "c.toml:4:13: tls.directory is \"certs\", which cannot be listed: Not a directory; "
            "expected the path of a folder with certificates");
}

// One that can't be used would be found out by the first client with a large message.
TEST(Problems, OfTheFolderForTemporaryFiles) {
  const FakeOutside usual = usual_outside();
  Outside outside = usual.outside();
  outside.writable = [](const std::string& path) -> Result<void> {
    if (path == "/good") return {};
    return fail(ErrorCode::kSystem, "Read-only file system");
  };
  const auto problem = [&](std::string_view text) -> std::string {
    const auto config = parse(completed(text), "c.toml", outside);
    return config ? "accepted" : config.error().front().str();
  };
  const auto bad = [](std::string_view where, std::string_view path) {
    return fmt::format(
        "{}: message.directory is \"{}\", where no file can be made: Read-only file system; "
        "expected a folder that the user who runs sallyport may write to: make it, change its "
        "owner, or name another one",
        where, path);
  };
  EXPECT_EQ(problem("[message]\ndirectory = '/good'"), "accepted");
  EXPECT_EQ(problem("[message]\ndirectory = '/bad'"), bad("c.toml:2:13", "/bad"));
  EXPECT_EQ(problem("[message]\nmax_size = '5 MiB'"), bad("c.toml:1:1", "/tmp"));
  EXPECT_EQ(problem(""), bad("c.toml", "/tmp"));
  EXPECT_EQ(problem("[message]\nmemory_threshold = '25 MiB'"), "accepted") << "no file is made";
}

TEST(Problems, OfTheFolderOfACapture) {
  const FakeOutside usual = usual_outside();
  Outside outside = usual.outside();
  outside.makeable = [](const std::string& path) -> Result<void> {
    if (path == "/good") return {};
    return fail(ErrorCode::kSystem, "Permission denied");
  };
  const auto problem = [&](std::string_view path) -> std::string {
    const auto config = parse(
        completed(fmt::format("[[upstream]]\nname = 'c'\nprovider = 'capture'\npath = '{}'", path)),
        "c.toml", outside);
    return config ? "accepted" : config.error().front().str();
  };
  EXPECT_EQ(problem("/good"), "accepted");
  EXPECT_EQ(problem("/bad"),
            "c.toml:4:8: upstream[1].path is \"/bad\", where no file can be made: Permission "
            "denied; expected a folder that the user who runs sallyport may write to");
}

TEST(Problems, OfClientCertificates) {
  const std::string ca = "client_ca = 'tls.crt'\n";
  const std::string listener = "[[listener]]\naddress = '127.0.0.1:2525'\n";
  expect({
      {with_tls(ca), {"accepted"}},
      {with_tls("client_ca = 'lost.pem'"),
       {"c.toml:4:13: tls.client_ca is \"lost.pem\", which cannot be read: No such file or "
        "directory; expected the path of a PEM file"}},
      {with_tls(ca + "client_certificate = 'maybe'"),
       {"c.toml:5:22: tls.client_certificate is \"maybe\"; expected \"none\", \"request\" or "
        "\"require\""}},
      {with_tls("client_certificate = 'request'"),
       {"c.toml:4:22: tls.client_certificate needs an authority to verify certificates with; "
        "expected client_ca as well"}},
      {with_tls(ca + listener + "client_certificate = 'request'"), {"accepted"}},
      {with_tls(listener + "client_certificate = 'require'"),
       {"c.toml:6:22: listener[1].client_certificate needs an authority to verify certificates "
        "with; expected tls.client_ca as well"}},
      {with_tls(ca + listener + "tls = 'none'\nclient_certificate = 'require'"),
       {"c.toml:8:22: listener[1].client_certificate means nothing without TLS; expected tls = "
        "\"implicit\" or \"starttls\""}},
      {with_tls(listener + "client_certificate = 'none'"), {"accepted"}},
      {with_tls(listener + "client_certificate = true"),
       {"c.toml:6:22: listener[1].client_certificate is true; expected \"none\", \"request\" or "
        "\"require\""}},
  });
}

TEST(Problems, OfTheHostName) {
  expect({
      {"hostname = 'mail_1.example.com'",
       {"c.toml:1:12: hostname is \"mail_1.example.com\"; expected a host name such as "
        "\"mail.example.com\""}},
      {"hostname = '192.0.2.1'",
       {"c.toml:1:12: hostname is \"192.0.2.1\"; expected a host name such as "
        "\"mail.example.com\""}},
  });
  FakeOutside container = usual_outside();
  container.host_name = "3f2a9c";
  EXPECT_THAT(
      problems_of("", container),
      ElementsAre("c.toml: hostname is missing and this machine's own name, \"3f2a9c\", is not "
                  "fully qualified; expected a host name such as \"mail.example.com\""));
  container.host_name = std::nullopt;
  EXPECT_THAT(problems_of("", container),
              ElementsAre("c.toml: hostname is missing; expected a host name such as "
                          "\"mail.example.com\""));
  EXPECT_THAT(problems_of("hostname = 'localhost'", container), ElementsAre("accepted"));
}

TEST(Problems, OfUsers) {
  const std::string twice = "[[auth.user]]\nname = 'a'\npassword = '" + std::string(kHash) +
                            "'\n[[auth.user]]\nname = 'a'\npassword = '" + std::string(kHash) + "'";
  const std::string long_name = "[[auth.user]]\nname = '" + std::string(256, 'a') +
                                "'\npassword = '" + std::string(kHash) + "'";
  expect({
      {"[auth]",
       {"c.toml:1:1: nobody could log in; expected at least one [[auth.user]] with a password, "
        "auth.file or [[auth.source]]"}},
      {"[auth]\nuser = []",
       {"c.toml:1:1: nobody could log in; expected at least one [[auth.user]] with a password, "
        "auth.file or [[auth.source]]"}},
      {"[[auth.user]]",
       {"c.toml:1:1: auth.user[1].name is missing; expected the name the user logs in with, of 1 "
        "to "
        "255 octets",
        "c.toml:1:1: auth.user[1].password is missing; expected a hash made by: sallyport "
        "hash-password"}},
      {"[[auth.user]]\nname = ''\npassword = 'hunter2'",
       {"c.toml:2:8: auth.user[1].name is \"\": it is empty; expected the name the user logs in "
        "with, "
        "of 1 to 255 octets",
        "c.toml:3:12: auth.user[1].password: it is no hash that is known here "
        "($argon2id$, $y$, $2y$, $6$, $5$, {SSHA512}, {SSHA256}, {SSHA} or {SCRAM-SHA-256}); "
        "expected a hash made by: sallyport hash-password"}},
      {"[[auth.user]]\nname = \"a\\nb\"\npassword = 123456",
       {"c.toml:2:8: auth.user[1].name is \"a\\u000ab\": it holds a control character; expected "
        "the "
        "name the user logs in with, of 1 to 255 octets",
        "c.toml:3:12: auth.user[1].password is an integer; expected a hash made by: "
        "sallyport hash-password"}},
      {twice,
       {"c.toml:5:8: auth.user[2].name is \"a\", which line 2 has already; expected another one"}},
      {long_name,
       {"c.toml:2:8: auth.user[1].name is \"" + std::string(60, 'a') +
        "…\": it is too long; expected the name the user logs in with, of 1 to 255 octets"}},
      {"[auth]\nfile = 'lost.toml'",
       {"c.toml:2:8: auth.file is \"lost.toml\", which cannot be read: No such file or directory; "
        "expected the path of a users file"}},
      {"[auth]\nfile = 'password'\nmechanisms = ['PLAIN', 'CRAM-MD5', 'PLAIN']\ncache_lifetime = "
       "'long'",
       {"c.toml:3:24: auth.mechanisms[2] is \"CRAM-MD5\"; expected \"PLAIN\", \"LOGIN\", "
        "\"SCRAM-SHA-256\", \"SCRAM-SHA-256-PLUS\", \"OAUTHBEARER\" or \"XOAUTH2\"",
        "c.toml:3:36: auth.mechanisms[3] is \"PLAIN\" again; expected each mechanism once",
        "c.toml:4:18: auth.cache_lifetime is \"long\"; expected a duration from 0s to 1d, such as "
        "\"30s\" or \"1h30m\"",
        "password:1:6: not valid TOML: in the key-value pair: expected '='"}},
  });
}

TEST(Problems, OfSendersAndLimits) {
  const std::string user = "[[auth.user]]\nname = 'a'\npassword = '" + std::string(kHash) + "'\n";
  const std::string pattern = user + "senders = ['*@a.example', 'example.com', 5]";
  const std::string limits = user +
                             "limits = { messages = '100/min', recipients = 5, bytes = '1 MB', "
                             "connections = 0, mail = 1 }";
  const std::string not_a_table = user + "limits = '100/minute'";
  expect({
      {pattern,
       {"c.toml:4:27: auth.user[1].senders[2] is \"example.com\"; expected \"*\", "
        "\"*@example.com\", "
        "\"*@*.example.com\", \"name@example.com\" or \"<>\"",
        "c.toml:4:42: auth.user[1].senders[3] is 5; expected \"*\", \"*@example.com\", "
        "\"*@*.example.com\", \"name@example.com\" or \"<>\""}},
      {limits,
       {"c.toml:4:23: auth.user[1].limits.messages is \"100/min\"; expected a rate such as "
        "\"100/minute\" or \"5000/day burst 200\", per second, minute, hour or day, or "
        "\"unlimited\"",
        "c.toml:4:47: auth.user[1].limits.recipients is 5; expected a rate such as \"100/minute\" "
        "or "
        "\"5000/day burst 200\", per second, minute, hour or day, or \"unlimited\"",
        "c.toml:4:58: auth.user[1].limits.bytes is \"1 MB\"; expected a rate such as \"100 "
        "MB/hour\" or "
        "\"1 GiB/day burst 50 MiB\", per second, minute, hour or day, or \"unlimited\"",
        "c.toml:4:80: auth.user[1].limits.connections is 0; expected an integer from 1 to 1000000, "
        "or "
        "\"unlimited\"",
        "c.toml:4:83: unknown key 'mail' in a user's limits; expected 'messages', 'recipients', "
        "'bytes' or 'connections'"}},
      {not_a_table,
       {"c.toml:4:10: auth.user[1].limits is \"100/minute\"; expected one table: "
        "[auth.user[1].limits]"}},
  });
}

TEST(Problems, OfUpstreams) {
  expect({
      {"upstream = [] # [[upstream]]",
       {"c.toml: upstream is missing; expected at least one [[upstream]] to hand mail to"}},
      {"[[upstream]]",
       {"c.toml:1:1: upstream[1].name is missing; expected a name of your choice",
        "c.toml:1:1: upstream[1].provider is missing; expected the name of a provider, such as "
        "\"ses\", or \"smtp\" for any server (\"sallyport providers\" lists them)"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'sendgird'",
       {"c.toml:3:12: upstream[1].provider is \"sendgird\": did you mean \"sendgrid\"?; expected "
        "the "
        "name of a provider, such as \"ses\", or \"smtp\" for any server (\"sallyport providers\" "
        "lists them)"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'",
       {"c.toml:1:1: upstream[1].host is missing; expected a host name or an IP address without "
        "brackets and port"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'mx.example.com:25'\nport = 70000\nca "
       "= "
       "'lost.pem'",
       {"c.toml:4:8: upstream[1].host is \"mx.example.com:25\"; expected a host name or an IP "
        "address "
        "without brackets and port",
        "c.toml:5:8: upstream[1].port is 70000; expected an integer from 1 to 65535, or \"auto\"",
        "c.toml:6:6: upstream[1].ca is \"lost.pem\", which cannot be read: No such file or "
        "directory; "
        "expected the path of a PEM file"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'mx.example.com'\ntls = 'none'",
       {"c.toml:5:7: upstream[1].tls is \"none\" and \"mx.example.com\" is not a loopback address: "
        "the "
        "password and mail would cross the network in clear; expected \"implicit\" or "
        "\"starttls\", or "
        "allow_plaintext = true to say it twice"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'localhost'\ntls = 'none'",
       {"accepted"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'mx.example.com'\ntls = 'none'\n"
       "allow_plaintext = true",
       {"accepted"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\n[[upstream]]\nname = "
       "'a'\nprovider = "
       "'smtp'\nhost = 'b'",
       {"c.toml:6:8: upstream[2].name is \"a\", which line 2 has already; expected another one"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\npath = '/x'\nregion = 'eu'",
       {"c.toml:5:8: upstream[1].path means nothing to provider \"smtp\"; expected no such key",
        "c.toml:6:10: upstream[1].region means nothing to provider \"smtp\"; expected no such "
        "key"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'capture'\nhost = 'b'",
       {"c.toml:1:1: upstream[1].path is missing; expected the path of the Maildir to keep mail in",
        "c.toml:4:8: upstream[1].host means nothing to provider \"capture\"; expected only 'name', "
        "'provider', 'path', 'max_recipients' and 'max_message_size'"}},
  });
}

TEST(Problems, OfAnUpstreamsLogin) {
  const std::vector<std::pair<std::string_view, std::string>> cases = {
      {"",
       "c.toml:1:1: upstream[1].password is missing; expected the password the provider gave you"},
      {"password = 12345678",
       "c.toml:6:12: upstream[1].password is an integer; expected text, { file = \"/path\" } or { "
       "env = "
       "\"NAME\" }, holding the password"},
      {"password = ''",
       "c.toml:6:12: upstream[1].password is empty; expected text, { file = \"/path\" } or { env = "
       "\"NAME\" }, holding the password"},
      {"password = \"hun\\nter2\"",
       "c.toml:6:12: upstream[1].password holds more than one line; expected text, { file = "
       "\"/path\" } "
       "or { env = \"NAME\" }, holding the password"},
      {"password = {}",
       "c.toml:6:12: upstream[1].password is an empty table; expected text, { file = \"/path\" } "
       "or { "
       "env = \"NAME\" }, holding the password"},
      {"password = { file = 'password', env = 'PASSWORD' }",
       "c.toml:6:12: upstream[1].password has both file and env; expected one of the two"},
      {"password = { fiel = 'password' }",
       "c.toml:6:14: unknown key 'fiel' in an upstream's password; did you mean 'file'?"},
      {"password = { file = 'lost' }",
       "c.toml:6:21: upstream[1].password.file is \"lost\", which cannot be read: No such file or "
       "directory; expected the path of a file that holds the password"},
      {"password = { file = 'empty' }",
       "c.toml:6:21: upstream[1].password.file is \"empty\", which is empty; expected one line "
       "with the "
       "password"},
      {"password = { file = 'long' }",
       "c.toml:6:21: upstream[1].password.file is \"long\", which holds more than one line; "
       "expected one "
       "line with the password"},
      {"password = { file = 'binary' }",
       "c.toml:6:21: upstream[1].password.file is \"binary\", which holds a NUL; expected one line "
       "with "
       "the password"},
      {"password = { env = 'LOST' }",
       "c.toml:6:20: upstream[1].password.env is \"LOST\", which is not set; expected the name of "
       "an "
       "environment variable that holds the password"},
      {"password = { env = 'EMPTY' }",
       "c.toml:6:20: upstream[1].password.env is \"EMPTY\", which is empty; expected one line with "
       "the "
       "password"},
  };
  FakeOutside outside = usual_outside();
  outside.files.insert({{"empty", "\n"}, {"long", "hunter2\nhunter3\n"}});
  outside.files["binary"] = std::string("hunter\0", 7);
  outside.variables["EMPTY"] = "";
  for (const auto& [password, problem] : cases) {
    EXPECT_THAT(problems_of(std::string(kUpstream) + std::string(password), outside),
                ElementsAre(problem))
        << password;
  }
  expect({{"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\npassword = 'p'",
           {"c.toml:1:1: upstream[1].username is missing; expected one, because there is a "
            "password"}}});
}

TEST(Problems, OfAnUpstreamsTls) {
  expect({
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\nserver_name = 'x y'\n"
       "pin = ['sha256/AAAA']\nmin_tls = '1.1'\ncertificate = 'tls.crt'",
       {"c.toml:1:1: upstream[1].key is missing; expected the path of a PEM file",
        "c.toml:5:15: upstream[1].server_name is \"x y\"; expected a host name or an IP address "
        "without brackets and port",
        "c.toml:6:8: upstream[1].pin[1] is \"sha256/AAAA\"; expected the SHA-256 of a public key "
        "in "
        "base64, such as \"sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=\"",
        "c.toml:7:11: upstream[1].min_tls is \"1.1\"; expected \"1.2\" or \"1.3\""}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = '127.0.0.1'\ntls = 'none'\n"
       "min_tls = '1.3'",
       {"c.toml:6:11: upstream[1].min_tls means nothing without TLS; expected tls = \"implicit\" "
        "or "
        "\"starttls\""}},
      {"[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\npin = []",
       {"c.toml:5:7: upstream[1].pin is an empty array; expected at least one element, each the "
        "SHA-256 of a public key in "
        "base64, such as \"sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=\""}},
  });
}

TEST(Problems, OfTheMechanisms) {
  const std::string start = "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\n";
  EXPECT_THAT(problems_of(start + "username = 'u'\npassword = 'p'\nauth_mechanisms = ['NTLM']"),
              ElementsAre("c.toml:7:20: upstream[1].auth_mechanisms[1] is \"NTLM\"; expected "
                          "\"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\", \"CRAM-MD5\", \"XOAUTH2\" or "
                          "\"OAUTHBEARER\""));
  EXPECT_THAT(
      problems_of(start + "username = 'u'\nauth_mechanisms = ['PLAIN']\noauth = { token_url = "
                          "'https://t', client_id = 'c', client_secret = 's', scope = 's' }"),
      ElementsAre(
          "c.toml:6:20: upstream[1].auth_mechanisms[1] is \"PLAIN\", which does not take an "
          "access token; expected \"XOAUTH2\" or \"OAUTHBEARER\" where there is oauth"));
}

TEST(Problems, OfMechanismsThatNobodyCouldPass) {
  const std::string start =
      "[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\nmechanisms = ['SCRAM-SHA-256-PLUS']\n"
      "[auth]\nmechanisms = ['PLAIN', 'SCRAM-SHA-256']\n";
  EXPECT_THAT(
      problems_of(start),
      ElementsAre("c.toml:4:14: listener[1].mechanisms has \"SCRAM-SHA-256-PLUS\", by which "
                  "nobody could log in; expected a user whose password was made by: "
                  "sallyport hash-password --scram",
                  "c.toml:5:1: nobody could log in; expected at least one [[auth.user]] "
                  "with a password, auth.file or [[auth.source]]",
                  "c.toml:6:14: auth.mechanisms has \"SCRAM-SHA-256\", by which nobody could "
                  "log in; expected a user whose password was made by: sallyport "
                  "hash-password --scram"));
}

TEST(Problems, OfPlaceholdersForTenants) {
  const std::string start = "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\n";
  EXPECT_THAT(problems_of(start + "username = '{usr}'\npassword = 'p'"),
              ElementsAre("c.toml:5:12: upstream[1].username has \"{usr}\", which stands for "
                          "nothing; expected \"{user}\" or \"{group}\""));
  EXPECT_THAT(problems_of(start + "username = '{user}'\npassword = { file = '/s/{group}/{team}' }"),
              ElementsAre("c.toml:6:12: upstream[1].password has \"{team}\", which stands for "
                          "nothing; expected \"{user}\" or \"{group}\""));
  EXPECT_THAT(problems_of(start + "username = '{A1}{'\npassword = 'p'"), ElementsAre("accepted"));
}

TEST(Problems, OfConnectionsKeptOpen) {
  const std::string start = "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\n";
  EXPECT_THAT(problems_of(start + "max_connections = 5\nmin_connections = 6"),
              ElementsAre("c.toml:6:19: upstream[1].min_connections is 6; expected an integer from "
                          "0 to 5"));
  EXPECT_THAT(
      problems_of(start + "username = '{user}'\npassword = 'p'\nmin_connections = 1"),
      ElementsAre("c.toml:7:19: upstream[1].min_connections means nothing where each tenant has a "
                  "login of its own; expected no such key"));
}

TEST(Problems, OfOAuth) {
  const std::string start =
      "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\nusername = 'u'\n";
  const std::pair<std::string_view, std::vector<std::string>> cases[] = {
      {"oauth = {}",
       {"c.toml:6:9: upstream[1].oauth.client_secret is missing; expected a credential: "
        "'client_secret', 'certificate', 'token_file', 'refresh_token' or 'service_account'",
        "c.toml:6:9: upstream[1].oauth.token_url is missing; expected the https URL of the token "
        "endpoint",
        "c.toml:6:9: upstream[1].oauth.client_id is missing; expected the id of the application at "
        "the token server",
        "c.toml:6:9: upstream[1].oauth.scope is missing; expected what the access token is asked "
        "for"}},
      {"[upstream.oauth]\ntoken_url = 'http://t/token'\nclient_id = 'c'\nscope = 's'\n"
       "client_secret = { file = 'lost' }",
       {"c.toml:7:13: upstream[1].oauth.token_url is \"http://t/token\"; expected the https URL of "
        "the token endpoint",
        "c.toml:10:26: upstream[1].oauth.client_secret.file is \"lost\", which cannot be read: No "
        "such file or directory; expected the path of a file that holds the client secret"}},
      {"[upstream.oauth]\ntoken_url = 'https://t'\nclient_id = 'c'\nscope = 's'\n"
       "client_secret = 'x'\ntoken_file = 'password'",
       {"c.toml:11:14: upstream[1].oauth.token_file stands beside client_secret; expected one "
        "credential"}},
      {"password = 'p'\noauth = { token_url = 'https://t', client_id = 'c', client_secret = 's', "
       "scope = 's', tenant = 't', subject = 'x' }",
       {"c.toml:6:12: upstream[1].password stands beside oauth; expected one of the two",
        "c.toml:7:96: upstream[1].oauth.tenant means nothing beside token_url; expected one of the "
        "two",
        "c.toml:7:111: upstream[1].oauth.subject means nothing without service_account; expected "
        "no such key"}},
      {"oauth = { token_url = 'https://t', client_id = 'c', refresh_token = 'r', proxy = 'x' }",
       {"c.toml:6:82: upstream[1].oauth.proxy is \"x\"; expected the URL of an HTTP proxy, such as "
        "\"http://proxy.example.com:3128\""}},
      {"oauth = { token_url = 'https://t', client_id = 'c', refresh_token = 'r', client_secret = "
       "'s' }",
       {"accepted"}},
      {"oauth = { client_id = 'c', service_account = 'lost.json', scope = 's' }",
       {"c.toml:6:46: upstream[1].oauth.service_account is \"lost.json\", which cannot be read: No "
        "such file or directory; expected the path of the JSON key file of a service account"}},
  };
  for (const auto& [text, problems] : cases) {
    EXPECT_EQ(problems_of(start + std::string(text)), problems) << text;
  }
  EXPECT_THAT(problems_of("[[upstream]]\nname = 'a'\nprovider = 'microsoft-365'\nusername = 'u'\n"
                          "oauth = { client_id = 'c', client_secret = 's' }"),
              ElementsAre("c.toml:5:9: upstream[1].oauth.tenant is missing; expected the id or "
                          "domain of the tenant"));
}

TEST(Problems, OfASecretAccessKey) {
  const std::string ses =
      "[[upstream]]\nname = 'a'\nprovider = 'ses'\nusername = 'AKIA'\nregion = 'eu-central-1'\n";
  EXPECT_THAT(problems_of(ses + "secret_access_key = 'some+secret+key'"), ElementsAre("accepted"));
  EXPECT_THAT(problems_of(ses + "secret_access_key = 'k'\npassword = 'p'"),
              ElementsAre("c.toml:6:21: upstream[1].secret_access_key stands beside a password; "
                          "expected one of the two"));
  EXPECT_THAT(
      problems_of("[[upstream]]\nname = 'a'\nprovider = 'ses'\nusername = 'AKIA'\nhost = "
                  "'vpce.example.com'\nsecret_access_key = 'k'"),
      ElementsAre("c.toml:1:1: upstream[1].region is missing; expected the region whose password "
                  "is derived from secret_access_key"));
  EXPECT_THAT(problems_of(std::string(kUpstream) + "secret_access_key = 'k'"),
              ElementsAre("c.toml:6:21: upstream[1].secret_access_key means nothing to provider "
                          "\"smtp\"; expected password"));
}

TEST(Problems, OfTheWayOut) {
  const std::string start = "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b.example'\n";
  EXPECT_THAT(problems_of(start + "port = 'any'"),
              ElementsAre("c.toml:5:8: upstream[1].port is \"any\"; expected an integer from 1 to "
                          "65535, or \"auto\""));
  EXPECT_THAT(problems_of(start + "port = 0"),
              ElementsAre("c.toml:5:8: upstream[1].port is 0; expected an integer from 1 to 65535, "
                          "or \"auto\""));
  EXPECT_THAT(problems_of(start + "port = 'auto'\ntls = 'none'\nallow_plaintext = true"),
              ElementsAre("c.toml:5:8: upstream[1].port is \"auto\", and there is no port to try "
                          "with this tls; expected a port"));
  for (const char* const proxy :
       {"'proxy:3128'", "'https://proxy:3128'", "'http://proxy'", "'http://user:pass@proxy:3128'",
        "'http://proxy:0'", "'socks5://proxy:99999'", "'socks5://:1080'",
        "'http://proxy:3128/x'"}) {
    EXPECT_THAT(
        problems_of(start + "proxy = " + proxy),
        ElementsAre(testing::AllOf(testing::StartsWith("c.toml:5:9: upstream[1].proxy is "),
                                   testing::EndsWith("; expected \"http://HOST:PORT\" or "
                                                     "\"socks5://HOST:PORT\", without a login"))))
        << proxy;
  }
  EXPECT_THAT(
      problems_of(start + "proxy_username = 'u'\nproxy_password = 'p'"),
      ElementsAre("c.toml:1:1: upstream[1].proxy is missing; expected one, because there is "
                  "proxy_username",
                  "c.toml:1:1: upstream[1].proxy is missing; expected one, because there is "
                  "proxy_password"));
  const std::string proxy = start + "proxy = 'socks5://[2001:db8::1]:1080'\n";
  EXPECT_THAT(problems_of(proxy), ElementsAre("accepted"));
  EXPECT_THAT(problems_of(proxy + "proxy_username = 'u'"),
              ElementsAre("c.toml:1:1: upstream[1].proxy_password is missing; expected the "
                          "password for the proxy"));
  EXPECT_THAT(problems_of(proxy + "proxy_password = 'p'"),
              ElementsAre("c.toml:1:1: upstream[1].proxy_username is missing; expected one, "
                          "because there is proxy_password"));
  EXPECT_THAT(
      problems_of(proxy + "proxy_password = 'p'\nproxy_username = '" + std::string(256, 'u') + "'"),
      ElementsAre(testing::StartsWith("c.toml:7:18: upstream[1].proxy_username goes with a "
                                      "login that is too long for a proxy")));
}

TEST(Problems, OfFieldsForEachMessage) {
  const std::string start = "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\n";
  EXPECT_THAT(problems_of(start + "headers = { Subject = 'x' }"),
              ElementsAre("c.toml:5:13: upstream[1].headers.\"Subject\" is a field that belongs to "
                          "each message; expected one that is the same for all"));
  EXPECT_THAT(problems_of(start + "headers = 'X-A: b'"),
              ElementsAre("c.toml:5:11: upstream[1].headers is \"X-A: b\"; expected a table of "
                          "field names and their text, such as { \"X-Environment\" = "
                          "\"production\" }"));
}

TEST(Problems, OfPresets) {
  expect({
      {"[[upstream]]\nname = 'a'\nprovider = 'ses'",
       {"c.toml:1:1: upstream[1].region is missing; expected a region of the provider, such as "
        "\"eu-west-1\"",
        "c.toml:1:1: upstream[1].username is missing; expected the user name the provider gave you",
        "c.toml:1:1: upstream[1].password is missing; expected the password the provider gave "
        "you"}},
      {"[[upstream]]\nname = 'a'\nprovider = 'ses'\nregion = 'eu west'\nusername = 'u'\npassword = "
       "'p'",
       {"c.toml:4:10: upstream[1].region is \"eu west\"; expected a region of the provider, such "
        "as "
        "\"eu-west-1\""}},
      {"[[upstream]]\nname = 'a'\nprovider = 'mailgun'\nregion = 'asia'\nusername = 'u'\npassword "
       "= 'p'",
       {"c.toml:4:10: upstream[1].region is \"asia\"; expected \"us\" or \"eu\""}},
      {"[[upstream]]\nname = 'a'\nprovider = 'sendgrid'\nregion = 'eu'",
       {"c.toml:1:1: upstream[1].password is missing; expected the password the provider gave you",
        "c.toml:4:10: upstream[1].region means nothing to provider \"sendgrid\"; expected no such "
        "key"}},
  });
}

TEST(Problems, OfPace) {
  const auto pace = [](std::string_view keys) {
    return std::string(kUpstream) + "password = 'p'\n" + std::string(keys);
  };
  const std::vector<std::string> texts = {pace("rate = '14'"),
                                          pace("rate_of = 'octets'\ndaily = 0"),
                                          pace("max_wait = '2h'\nmax_waiting = -1")};
  expect({
      {texts[0],
       {"c.toml:7:8: upstream[1].rate is \"14\"; expected a rate such as \"100/minute\" or "
        "\"5000/day "
        "burst 200\", per second, minute, hour or day, or \"unlimited\""}},
      {texts[1],
       {"c.toml:7:11: upstream[1].rate_of is \"octets\"; expected \"messages\" or \"recipients\"",
        "c.toml:8:9: upstream[1].daily is 0; expected an integer from 1 to 1000000000"}},
      {texts[2],
       {"c.toml:7:12: upstream[1].max_wait is \"2h\"; expected a duration from 0s to 1h, such as "
        "\"30s\" or \"1h30m\"",
        "c.toml:8:15: upstream[1].max_waiting is -1; expected an integer from 0 to 1000000"}},
  });
}

TEST(Problems, OfRoutes) {
  const auto route = [&](std::string_view keys) {
    return std::string(kUpstreams) + "[[route]]\n" + std::string(keys);
  };
  const std::vector<std::string> texts = {
      route(""), route("upstreams = ['mailgnu', 'smarthost', 'ses', 'ses', 5]"),
      route("senders = ['nobody']\nupstreams = ['ses']")};
  expect({
      {texts[0],
       {"c.toml:9:1: route[1].upstreams is missing; expected an array of names of [[upstream]]s, "
        "the "
        "preferred one first"}},
      {texts[1],
       {"c.toml:10:14: route[1].upstreams[1] is \"mailgnu\", but no [[upstream]] has that name; "
        "did you "
        "mean \"mailgun\"?",
        "c.toml:10:25: route[1].upstreams[2] is \"smarthost\", but no [[upstream]] has that name; "
        "expected \"ses\" or \"mailgun\"",
        "c.toml:10:45: route[1].upstreams[4] is \"ses\" again; expected each upstream once",
        "c.toml:10:52: route[1].upstreams[5] is 5; expected the name of an [[upstream]], or { "
        "name, priority, weight }"}},
      {texts[2],
       {"c.toml:10:12: route[1].senders[1] is \"nobody\"; expected \"*\", \"*@example.com\", "
        "\"*@*.example.com\", \"name@example.com\" or \"<>\""}},
  });
}

TEST(Problems, OfConditionsOfRoutes) {
  const auto route = [](std::string_view keys) {
    return fmt::format(
        "{}[[listener]]\naddress = '[::1]:2525'\ntls = 'none'\n[[route]]\nupstreams = ['ses']\n{}",
        kUpstreams, keys);
  };
  const std::vector<std::string> texts = {
      route("listeners = ['[::]:587', 5]"),
      route("header = { 'X Y' = 'a', X-Kind = 1 }\nlabels = { team = 5 }"),
      route("header = 'X-Kind: bulk'\nlabels = ['team']"),
      route("min_size = '1MB'\nmax_size = 10"),
      route(std::string("authors = ['nobody']\nrecipients = []\nname = ''\ngroups = [1]\n") +
            fmt::format("[[auth.user]]\nname = 'a'\npassword = '{}'", kHash)),
      std::string(kUpstreams) +
          "[[route]]\nupstreams = [{ name = 'sess' }, { priority = 0, weight = 1001, nam = 'ses' "
          "}, "
          "{ weight = 2 }, { name = 'mailgun' }, 'mailgun']"};
  expect({
      {texts[0],
       {"c.toml:14:14: route[1].listeners[1] is \"[::]:587\", but no [[listener]] has that "
        "address; "
        "expected \"[::1]:2525\"",
        "c.toml:14:26: route[1].listeners[2] is 5; expected an IP address and a port, such as "
        "\"[::]:465\" or \"127.0.0.1:2525\""}},
      {texts[1],
       {"c.toml:14:12: route[1].header.\"X Y\" is no field; expected the name of a header field, "
        "such "
        "as \"User-Agent\"",
        "c.toml:14:34: route[1].header.\"X-Kind\" is 1; expected what the field must have, \"*\" "
        "for "
        "any text",
        "c.toml:15:19: route[1].labels.\"team\" is 5; expected the text of the label"}},
      {texts[2],
       {"c.toml:14:10: route[1].header is \"X-Kind: bulk\"; expected a table of field names and "
        "their "
        "text, such as { \"X-Priority\" = \"bulk*\" }",
        "c.toml:15:10: route[1].labels is an array; expected a table of labels and their text, "
        "such "
        "as { team = \"billing\" }"}},
      {texts[3],
       {"c.toml:15:12: route[1].max_size is 10, below min_size; expected 1000000 at least"}},
      {texts[4],
       {"c.toml:14:12: route[1].authors[1] is \"nobody\"; expected \"*\", \"*@example.com\", "
        "\"*@*.example.com\", \"name@example.com\" or \"<>\"",
        "c.toml:15:14: route[1].recipients is an empty array; expected at least one element, each "
        "\"*\", \"*@example.com\", \"*@*.example.com\", \"name@example.com\" or \"<>\"",
        "c.toml:16:8: route[1].name is \"\": it is empty; expected a name of your choice",
        "c.toml:17:11: route[1].groups[1] is 1; expected the name of a group"}},
      {texts[5],
       {"c.toml:10:23: route[1].upstreams[1].name is \"sess\", but no [[upstream]] has that name; "
        "did "
        "you mean \"ses\"?",
        "c.toml:10:46: route[1].upstreams[2].priority is 0; expected an integer from 1 to 1000",
        "c.toml:10:58: route[1].upstreams[2].weight is 1001; expected an integer from 0 to 1000",
        "c.toml:10:64: unknown key 'nam' in an upstream of a route; did you mean 'name'?",
        "c.toml:10:79: route[1].upstreams[3].name is missing; expected the name of an [[upstream]]",
        "c.toml:10:117: route[1].upstreams[5] is \"mailgun\" again; expected each upstream once"}},
  });
}

TEST(Problems, OfGroupsAndLabels) {
  const auto user = [](std::string_view keys) {
    return fmt::format("[[auth.user]]\nname = 'a'\npassword = '{}'\n{}", kHash, keys);
  };
  const std::vector<std::string> texts = {user("groups = ['x', 'x', 5]"),
                                          user("labels = { team = '', n = 1 }")};
  expect({
      {texts[0],
       {"c.toml:4:16: auth.user[1].groups[2] is \"x\" again; expected each group once",
        "c.toml:4:21: auth.user[1].groups[3] is 5; expected the name of a group"}},
      {texts[1],
       {"c.toml:4:19: auth.user[1].labels.\"team\" is \"\"; expected the text of the label",
        "c.toml:4:27: auth.user[1].labels.\"n\" is 1; expected the text of the label"}},
  });
}

TEST(Problems, AreAllTold) {
  const FakeOutside nothing{.files = {}, .variables = {}, .host_name = std::nullopt};
  const auto config = parse("", "c.toml", nothing.outside());
  ASSERT_FALSE(config);
  std::vector<std::string> problems;
  for (const Problem& problem : config.error()) problems.push_back(problem.str());
  EXPECT_THAT(
      problems,
      ElementsAre(
          "c.toml: hostname is missing; expected a host name such as \"mail.example.com\"",
          "c.toml: listener is missing; expected at least one [[listener]] with an address",
          "c.toml: nobody could log in; expected at least one [[auth.user]] with a password, "
          "auth.file or [[auth.source]]",
          "c.toml: upstream is missing; expected at least one [[upstream]] to hand mail to"));
}

TEST(Problems, NeverShowAPassword) {
  const auto problems = problems_of(
      "[[auth.user]]\nname = 'a'\npassword = 'hunter2'\npasword = 'hunter2'\n"
      "[[upstream]]\nname = 'b'\nprovider = 'smtp'\nhost = 'c'\nusername = 'd'\n"
      "password = \"hunter2\\n\"\npassword_file = 'hunter2'\n"
      "[[upstream]]\nname = 'c'\nprovider = 'capture'\npath = '/a'\npassword = 'hunter2'\n"
      "[[upstream]]\nname = 'd'\nprovider = 'smtp'\nhost = 'c'\nusername = 'd'\n"
      "password = ['hunter2']\n");
  EXPECT_EQ(problems.size(), 6u);
  for (const std::string& problem : problems) {
    EXPECT_THAT(problem, testing::Not(testing::HasSubstr("hunter2")));
  }
}

TEST(Problems, ProbesDoNotShareAnAddressWithMail) {
  const auto problems = [](std::string_view listener, std::string_view admin) {
    return problems_of(fmt::format("[[listener]]\naddress = '{}'\ntls = 'none'\n"
                                   "allow_plaintext = true\n[admin]\naddress = '{}'\n",
                                   listener, admin),
                       usual_outside());
  };
  EXPECT_THAT(
      problems("127.0.0.1:25", "127.0.0.1:25"),
      ElementsAre("c.toml:6:11: admin.address is \"127.0.0.1:25\", and a [[listener]] is at "
                  "127.0.0.1:25 already; expected another port"));
  for (const char* listener : {"0.0.0.0:25", "[::]:25"}) {
    EXPECT_NE(problems(listener, "127.0.0.1:25").front(), "accepted") << listener;
  }
  EXPECT_NE(problems("127.0.0.1:25", "[::]:25").front(), "accepted");
  EXPECT_THAT(problems("127.0.0.1:25", "127.0.0.2:25"), ElementsAre("accepted"));
  EXPECT_THAT(problems("127.0.0.1:25", "127.0.0.1:26"), ElementsAre("accepted"));
  EXPECT_THAT(problems("127.0.0.1:0", "127.0.0.1:0"), ElementsAre("accepted"));
}

TEST(Problems, MailDoesNotGoRoundInACircle) {
  const auto problems = [](std::string_view listener, std::string_view host) {
    return problems_of(
        fmt::format("[[listener]]\naddress = '{}'\ntls = 'none'\nallow_plaintext = true\n"
                    "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = '{}'\nport = 2525\n"
                    "allow_plaintext = true\n",
                    listener, host),
        usual_outside());
  };
  EXPECT_THAT(problems("127.0.0.1:2525", "localhost"),
              ElementsAre("c.toml:8:8: upstream[1].host is \"localhost\" with port 2525, which is "
                          "our own [[listener]] at 127.0.0.1:2525: mail would go round in a "
                          "circle; expected another server"));
  for (const auto& [listener, host] : std::initializer_list<std::pair<const char*, const char*>>{
           {"127.0.0.1:2525", "127.0.0.1"},
           {"0.0.0.0:2525", "127.0.0.1"},
           {"[::]:2525", "localhost"},
           {"[::]:2525", "::1"},
           {"192.0.2.1:2525", "192.0.2.1"},
           {"[2001:db8::1]:2525", "2001:db8:0::1"}}) {
    EXPECT_NE(problems(listener, host).front(), "accepted") << listener << ' ' << host;
  }
  EXPECT_THAT(problems("127.0.0.1:25", "localhost"), ElementsAre("accepted"));
  EXPECT_THAT(problems("192.0.2.1:2525", "localhost"), ElementsAre("accepted"));
  EXPECT_THAT(problems("[::]:2525", "smtp.example.com"), ElementsAre("accepted"));
}

TEST(Problems, OfLimits) {
  expect({
      {"[[limit]]\nname = 'a'\nkey = 'user'",
       {"c.toml:1:1: limit[1].messages is missing; expected at least one of messages, recipients "
        "and bytes"}},
      {"[[limit]]\nname = 'a'\nkey = 'host'\nmessages = '1/day'",
       {"c.toml:3:7: limit[1].key is \"host\"; expected \"user\", \"group\", \"network\", "
        "\"listener\", \"sender_domain\", \"recipient_domain\" or \"process\", or a text with "
        "labels of the user in it, such as \"{namespace}\""}},
      {"[[limit]]\nname = 'a'\nkey = 'user'\nmessages = ['1/day', '5/hour UTC']",
       {"c.toml:4:12: limit[1].messages is an array: it holds \"5/hour UTC\"; expected a rate such "
        "as \"100/minute\" or \"5000/day UTC\", or an array of 1 to 8 of them"}},
      {"[[limit]]\nname = 'a'\nkey = '{a'\nbytes = '1 MB/day UTC'\nmode = 'watch'",
       {"c.toml:3:7: limit[1].key is \"{a\"; expected \"user\", \"group\", \"network\", "
        "\"listener\", \"sender_domain\", \"recipient_domain\" or \"process\", or a text with "
        "labels of the user in it, such as \"{namespace}\"",
        "c.toml:5:8: limit[1].mode is \"watch\"; expected \"enforce\" or \"observe\""}},
      {"[[limit]]\nname = 'a'\nkey = 'user'\nmessages = '1/day'\n"
       "[[limit]]\nname = 'a'\nkey = 'user'\nmessages = '1/day'",
       {"c.toml:6:8: limit[2].name is \"a\", which line 2 has already; expected another one"}},
  });
}

TEST(Windows, AreRatesOrCalendarDays) {
  EXPECT_EQ(parse_window("5/second burst 9", false).value(),
            (Window{.rate = {.amount = 5, .period = std::chrono::seconds(1), .burst = 9}}));
  EXPECT_EQ(parse_window("5/day UTC", false).value(),
            (Window{.rate = {.amount = 5, .period = std::chrono::days(1), .burst = 5},
                    .calendar = true}));
  for (const std::string_view text :
       {"5/dayUTC", "5/day utc", "5/hour UTC", "5/day burst 2 UTC", "UTC", " UTC", "5/day UTC "}) {
    EXPECT_FALSE(parse_window(text, false)) << text;
  }
}

}  // namespace
}  // namespace sallyport::config
