"""What the interop tests have in common: one gateway for all tests of a class, with a certificate of a throw-away CA,
before one provider."""

import shutil
import unittest

from harness import Authority, Provider, Sallyport, Scratch, smtp_upstream


class GatewayCase(unittest.TestCase):
    """Gives its tests `folder`, `authority`, `provider` and `gateway`, whose certificate is good for
    CERTIFICATE_DAYS."""

    CERTIFICATE_DAYS = "2"

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(Scratch())
        cls.authority = Authority(cls.folder / "pki", days=cls.CERTIFICATE_DAYS)
        cls.provider = cls.enterClassContext(Provider(cls.authority))
        cls.gateway = cls.enterClassContext(
            Sallyport(cls.folder, cls.authority, smtp_upstream("p", cls.provider, cls.authority)))

    def need(self, program):
        self.assertIsNotNone(shutil.which(program), f"{program} is missing: deploy/install-deps.sh test")
