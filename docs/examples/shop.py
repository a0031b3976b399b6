from testbed import Claim, Evidence, Finding, Lab, Layer, Match, Mutant, Scenario, check, expect


class ShopIsOpen(Scenario):
    """A guest is served, and the door sees both of them."""

    id = "shop.is-open"
    layer = Layer.NETWORK
    claim = Claim("What a guest says in the shop goes through the door.")
    topology = "shop.yaml"  # beside this file; without this line it is the lab of `-f`, or the default one

    def act(self, lab: Lab) -> None:
        lab["guest"].tcp_echo(lab["shop"], b"a loaf, please", port=80)

    @check("the words pass the door on both of its sides")
    def through_the_door(self, seen: Evidence) -> Finding:
        legs = [seen.at(leg).tcp.port(80) for leg in ("door:street", "door:inside")]
        said = [leg.received.payload[:14] + leg.sent.payload[:14] for leg in legs]
        return expect(said, [b"a loaf, please" * 2] * 2, cite=legs)

    mutants = (
        Mutant(
            "the door is shut",
            lambda lab: lab["door"].drop(Match(source_port=80)),
            kills=(through_the_door,),
        ),
    )
