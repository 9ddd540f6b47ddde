"""An issuer for the tests of services that accept Paseport tokens: no server to install, nothing to sign in to."""

from paseport_testkit.fake_issuer.clock import TravelClock
from paseport_testkit.fake_issuer.feed import NotHeard
from paseport_testkit.fake_issuer.forgeries import FORGERIES, Forgery, Signature, Stage
from paseport_testkit.fake_issuer.issuer import FakeIssuer, User

__all__ = ["FORGERIES", "FakeIssuer", "Forgery", "NotHeard", "Signature", "Stage", "TravelClock", "User"]
