"""A local Spotzee that keeps the published contract, to try things out and to test against."""

from target_spotzee.sandbox.faults import Fault
from target_spotzee.sandbox.options import Options
from target_spotzee.sandbox.sandbox import Sandbox
from target_spotzee.sandbox.subscriptions import SubscriptionType

__all__ = ["Fault", "Options", "Sandbox", "SubscriptionType"]
