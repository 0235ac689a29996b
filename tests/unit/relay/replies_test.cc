// What of an upstream's words reaches the client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

/// The client's reply to a message that the upstream answered so.
smtp::Reply heard(const std::string& said) {
  World world({upstream("a")});
  const scripts::Upstream good;
  std::string script = good.opening() + good.transaction();
  script.resize(script.rfind("U: "));
  world.host("a").scripts = {script + said};
  return world.deliver(world.message()).reply;
}

TEST(Replies, ARefusalIsTheUpstreamsWithOurId) {
  EXPECT_EQ(heard("U: 554 5.7.1 Spam\n").wire(), "554 5.7.1 Spam (id1)\r\n");
  EXPECT_EQ(heard("U: 554-5.7.1 Spam\nU: 554 5.7.1 see https://a.example/s\n").wire(),
            "554-5.7.1 Spam\r\n554 5.7.1 see https://a.example/s (id1)\r\n");
}

TEST(Replies, LongWordsAreCut) {
  std::string many;
  for (int i = 0; i < 30; ++i) many += "U: 554-5.7.1 line\n";
  const smtp::Reply lines = heard(many + "U: 554 5.7.1 the end\n");
  EXPECT_THAT(lines.lines, SizeIs(20));
  EXPECT_THAT(lines.lines.back(), EndsWith(" [...] (id1)"));

  const std::string filler(300, 'x');
  std::string large;
  for (int i = 0; i < 15; ++i) large += "U: 554-5.7.1 " + filler + "\n";
  const smtp::Reply octets = heard(large + "U: 554 5.7.1 the end\n");
  EXPECT_LE(octets.text().size(), 4200u);
  EXPECT_THAT(octets.lines.back(), EndsWith(" [...] (id1)"));

  std::string later;
  for (int i = 0; i < 15; ++i) later += "U: 450-4.2.0 " + filler + "\n";
  EXPECT_THAT(heard(later + "U: 450 4.2.0 the end\n").text(), EndsWith(" [...]"));
}

TEST(Replies, WhenToComeBackIsPassedOn) {
  EXPECT_EQ(heard("U: 450 4.2.0 Busy, try again in 5 minutes\n").wire(),
            "450 4.4.0 id1 not sent, try again in 300 s: upstream a said at end of DATA: 450 4.2.0 "
            "Busy, try again in 5 minutes\r\n");
  EXPECT_THAT(heard("U: 450 4.2.0 Busy\n").wire(), StartsWith("451 4.4.0 id1 not sent, try again "
                                                              "later: upstream a said"));
}

}  // namespace
}  // namespace sallyport::relay
