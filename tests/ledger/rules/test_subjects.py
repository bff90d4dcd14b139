from dataclasses import replace
from datetime import date, timedelta

import pytest

from ledger.commands import AddIdentifier, EndRole, GiveRole, RegisterSubject, RenameSubject
from ledger.events import (
    IdentifierAdded,
    RoleEnded,
    RoleGiven,
    SubjectRegistered,
    SubjectRenamed,
)
from ledger.identifiers import (
    Identifier,
    IdentifierKind,
    SubjectKind,
    agency_code,
    organisation_code,
    registration_number,
    uscc,
)
from ledger.refusals import (
    EndsBeforeItBegins,
    IdentifiersDisagree,
    InvalidName,
    NaturalPersonNotRecorded,
    NoIdentifier,
    NotAnIdentifier,
    RoleAlreadyHeld,
    RoleNotHeld,
    UnknownSubject,
)
from ledger.rules.subjects import RoleSpan, applies
from ledger.values import Name, RegionCode, Role
from tests.codes import (
    synthetic_citizen_id,
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)
from tests.examples import PATENT_AGENCY, enterprise
from tests.specification import Story, given

CODE = uscc(synthetic_uscc(1))
INNER = organisation_code(synthetic_organisation_code(1))
OTHER_CODE = uscc(synthetic_uscc(2))
OTHER_INNER = organisation_code(synthetic_organisation_code(2))
NUMBER = registration_number(synthetic_registration_number(1))
OTHER_NUMBER = registration_number(synthetic_registration_number(2))
AGENCY = agency_code("33101")
FROM = date(2015, 1, 1)
DAY = timedelta(days=1)


def registering(*identifiers: Identifier, **fields: object) -> RegisterSubject:
    return RegisterSubject(identifiers=identifiers, name=Name("示例"), **fields)  # type: ignore[arg-type]  # each test names its own


def add(identifier: Identifier) -> AddIdentifier:
    return AddIdentifier(identifier=identifier)


class TestRegistration:
    def test_it_is_the_first_event_of_a_subject(self) -> None:
        event = Story().when(enterprise()).event(SubjectRegistered)
        assert event.identifiers == (CODE,)
        assert event.name == "示例企业1有限公司"

    @pytest.mark.parametrize(
        ("prefix", "kind"),
        [
            ("91", SubjectKind.ENTERPRISE),
            ("92", SubjectKind.INDIVIDUAL_BUSINESS),
            ("12", SubjectKind.PUBLIC_INSTITUTION),
            ("11", SubjectKind.ORGAN),
            ("51", SubjectKind.ASSOCIATION),
            ("52", SubjectKind.OTHER_BODY),
        ],
    )
    def test_its_kind_is_that_of_the_first_two_places(self, prefix: str, kind: SubjectKind) -> None:
        code = uscc(synthetic_uscc(1, prefix))
        assert Story().when(registering(code)).event(SubjectRegistered).kind is kind

    def test_a_kind_that_was_sent_comes_first(self) -> None:
        sent = registering(CODE, kind=SubjectKind.UNIVERSITY)
        assert Story().when(sent).event(SubjectRegistered).kind is SubjectKind.UNIVERSITY

    def test_without_a_credit_code_kind_and_region_are_unsure(self) -> None:
        event = Story().when(registering(NUMBER)).event(SubjectRegistered)
        assert (event.kind, event.region) == (SubjectKind.OTHER_BODY, None)

    def test_its_region_is_that_of_the_code_unless_one_was_sent(self) -> None:
        assert Story().when(registering(CODE)).event(SubjectRegistered).region == "000000"
        sent = registering(CODE, region=RegionCode("330100"))
        assert Story().when(sent).event(SubjectRegistered).region == "330100"

    def test_an_organisation_code_that_stands_in_the_credit_code_is_not_repeated(self) -> None:
        for both in ((CODE, INNER), (INNER, CODE), (CODE, CODE, INNER)):
            assert Story().when(registering(*both)).event(SubjectRegistered).identifiers == (CODE,)

    def test_a_name_may_be_unknown(self) -> None:
        nameless = replace(registering(CODE), name=None)
        assert Story().when(nameless).event(SubjectRegistered).name is None

    def test_no_identifier_is_not_enough(self) -> None:
        Story().when(registering()).refused(NoIdentifier, "identifiers")
        given().when(registering()).refused(NoIdentifier, "identifiers")

    def test_a_natural_person_is_not_recorded(self) -> None:
        person = registering(CODE, kind=SubjectKind.NATURAL_PERSON)
        Story().when(person).refused(NaturalPersonNotRecorded, "kind")
        citizen = synthetic_citizen_id(date(1990, 1, 1), 1)
        for kind in (IdentifierKind.PERSON, IdentifierKind.USCC):
            one = Identifier(kind=kind, value=citizen)
            refusal = Story().when(registering(NUMBER, one)).refused(NaturalPersonNotRecorded)
            assert refusal.field == "identifiers/1"
            assert citizen not in str(refusal)

    def test_a_broken_code_is_told_by_its_place_and_not_repeated(self) -> None:
        broken = Identifier(kind=IdentifierKind.USCC, value=CODE.value[:-1] + "?")
        refusal = Story().when(registering(NUMBER, broken)).refused(NotAnIdentifier)
        assert refusal.field == "identifiers/1"
        assert broken.value not in str(refusal)

    @pytest.mark.parametrize(
        "both", [(CODE, OTHER_CODE), (INNER, OTHER_INNER), (CODE, OTHER_INNER)]
    )
    def test_codes_that_cannot_be_of_one_body_are_refused(
        self, both: tuple[Identifier, Identifier]
    ) -> None:
        Story().when(registering(*both)).refused(IdentifiersDisagree, "identifiers")

    def test_a_body_may_have_several_registration_numbers(self) -> None:
        several = (CODE, NUMBER, OTHER_NUMBER, AGENCY)
        assert Story().when(registering(*several)).event(SubjectRegistered).identifiers == several

    def test_a_name_that_cannot_be_recorded_is_refused(self) -> None:
        long = replace(registering(CODE), name=Name("名" * 201))
        Story().when(long).refused(InvalidName, "name")
        fits = replace(registering(CODE), name=Name("名" * 200))
        Story().when(fits).then(SubjectRegistered)

    def test_nothing_is_added_to_nobody(self) -> None:
        Story().when(add(CODE)).refused(UnknownSubject)


class TestRegisteringAgain:
    def test_what_is_known_is_nothing_to_do(self) -> None:
        given().when(enterprise()).then()
        given().when(registering(INNER)).then()

    def test_what_is_new_is_added_each_by_an_event(self) -> None:
        story = given().when(registering(CODE, NUMBER, AGENCY))
        story.then(IdentifierAdded, IdentifierAdded)
        assert story.subject.identity.identifiers == (CODE, NUMBER, AGENCY)
        story.when(registering(CODE, NUMBER, AGENCY)).then()

    def test_another_name_is_no_renaming(self) -> None:
        story = given().when(replace(enterprise(), name=Name("另一名称"))).then()
        assert story.subject.identity.name == "示例企业1有限公司"

    def test_a_code_of_another_body_is_refused(self) -> None:
        given().when(registering(CODE, OTHER_CODE)).refused(IdentifiersDisagree, "identifiers")
        given().when(registering(NUMBER, OTHER_INNER)).refused(IdentifiersDisagree, "identifiers")


class TestIdentifiers:
    def test_one_is_added_once(self) -> None:
        given().when(add(NUMBER)).then(IdentifierAdded).when(add(NUMBER)).then()

    def test_a_credit_code_tells_more_than_the_organisation_code_in_it(self) -> None:
        story = Story().when(registering(INNER), add(CODE)).then(IdentifierAdded)
        assert story.subject.identity.identifiers == (INNER, CODE)
        story.when(add(INNER)).then().when(add(CODE)).then()

    def test_a_second_credit_or_organisation_code_is_refused(self) -> None:
        given().when(add(OTHER_CODE)).refused(IdentifiersDisagree, "identifier")
        given().when(add(OTHER_INNER)).refused(IdentifiersDisagree, "identifier")

    def test_a_broken_one_is_refused(self) -> None:
        broken = Identifier(kind=IdentifierKind.AGENCY_CODE, value="3310")
        given().when(add(broken)).refused(NotAnIdentifier, "identifier")


class TestNames:
    def test_a_new_name_is_recorded_once(self) -> None:
        renaming = RenameSubject(name=Name("新名称有限公司"), effective_on=date(2024, 1, 1))
        story = given().when(renaming).then(SubjectRenamed)
        assert story.subject.identity.name == "新名称有限公司"
        story.when(renaming).then()

    def test_a_former_name_may_come_back(self) -> None:
        there, back = RenameSubject(name=Name("甲")), RenameSubject(name=Name("示例企业1有限公司"))
        given(there).when(back).then(SubjectRenamed)

    def test_a_name_that_cannot_be_recorded_is_refused(self) -> None:
        given().when(RenameSubject(name=Name("\u200b"))).refused(InvalidName, "name")


class TestRoles:
    @staticmethod
    def give(day: date = FROM, role: Role = PATENT_AGENCY) -> GiveRole:
        return GiveRole(role=role, effective_on=day)

    @staticmethod
    def end(day: date = date(2020, 1, 1), role: Role = PATENT_AGENCY) -> EndRole:
        return EndRole(role=role, effective_on=day)

    def test_a_role_is_given_and_ended_once(self) -> None:
        story = given().when(self.give()).then(RoleGiven).when(self.give()).then()
        story.when(self.end()).then(RoleEnded).when(self.end()).then()
        span = RoleSpan(role=PATENT_AGENCY, from_=FROM, until=date(2020, 1, 1))
        assert story.subject.identity.roles == (span,)

    def test_it_is_not_given_while_it_is_held(self) -> None:
        given(self.give()).when(self.give(FROM + DAY)).refused(RoleAlreadyHeld, "effective_on")
        given(self.give()).when(self.give(FROM - DAY)).refused(RoleAlreadyHeld, "effective_on")
        given(self.give()).when(self.give(FROM + DAY, Role("trademark-agency"))).then(RoleGiven)

    def test_it_may_be_given_again_from_the_day_on_which_it_ended(self) -> None:
        ended = date(2020, 1, 1)
        story = given(self.give(), self.end(ended))
        story.when(self.give(ended)).then(RoleGiven)
        early = given(self.give(), self.end(ended)).when(self.give(ended - DAY))
        early.refused(RoleAlreadyHeld)

    def test_it_leaves_at_least_a_day(self) -> None:
        given(self.give()).when(self.end(FROM)).refused(EndsBeforeItBegins, "effective_on")
        given(self.give()).when(self.end(FROM + DAY)).then(RoleEnded)

    def test_a_role_that_is_not_held_is_not_ended(self) -> None:
        given().when(self.end()).refused(RoleNotHeld, "role")
        given(self.give(), self.end()).when(self.end(date(2021, 1, 1))).refused(RoleNotHeld)

    def test_only_the_span_that_runs_is_ended(self) -> None:
        again = date(2022, 1, 1)
        story = given(self.give(), self.end(), self.give(again), self.end(date(2023, 1, 1)))
        untils = [span.until for span in story.subject.identity.roles]
        assert untils == [date(2020, 1, 1), date(2023, 1, 1)]

    def test_a_regime_applies_by_kind_or_by_a_role_held_on_the_day(self) -> None:
        identity = given(self.give(), self.end()).subject.identity
        assert applies((), identity, FROM)
        assert applies(("enterprise",), identity, FROM - DAY)
        assert applies(("patent-agency",), identity, FROM)
        assert not applies(("patent-agency",), identity, FROM - DAY)
        assert applies(("patent-agency",), identity, date(2019, 12, 31))
        assert not applies(("patent-agency",), identity, date(2020, 1, 1))
        assert not applies(("university",), identity, FROM)
