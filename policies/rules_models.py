"""Where, what, how much and to whom we sell: rules in versions that never change, and what they decided."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from merchant.append_only import append_only, refuse_truncate
from policies.places import IS_PLACE, in_words


class Effect(models.TextChoices):
    REFUSE = "refuse", "It is not sold there"
    MOST = "most", "At most so many in one order"
    AGE = "age", "Only from an age on"


class Proof(models.TextChoices):
    BIRTH_DATE = "birth_date", "Date of birth"
    ATTESTATION = "attestation", "A box to tick"


class UnknownPlace(models.TextChoices):
    """For digital goods, which go nowhere: what to do when nobody knows where the fan is."""

    ADDRESS = "address", "Go by the address the fan gives"
    REFUSE = "refuse", "Refuse it"


class Rule(models.Model):
    """One restriction with a name. What it says lives in its versions.

    Decisions cite them by ``slug``, which is as fixed as they are once one is public; ``title`` is for the desk alone.
    """

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)

    class Meta:
        ordering = ["title"]
        triggers = [
            pgtrigger.Trigger(
                name="rule_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("slug"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM policies_ruleversion
                        WHERE rule_id = OLD.id AND published_at IS NOT NULL
                    ) THEN
                        RAISE EXCEPTION 'rule % is public: its address is fixed', OLD.slug;
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    @property
    def subject(self) -> str:
        """Its name in the journal."""
        return f"rule:{self.slug}"

    def __str__(self) -> str:
        return self.title


class RuleVersion(models.Model):
    """What a rule says from an instant on. A draft until published; from then on the database refuses any change."""

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    effect = models.CharField(max_length=10, choices=Effect, default=Effect.REFUSE)
    tag = models.SlugField(max_length=40, blank=True, help_text="Products with this tag. Empty: everything.")
    places = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, help_text="DE, US-CA, US 99500-99999. Empty: all."
    )
    elsewhere = models.BooleanField(default=False, help_text="It holds everywhere but in these places.")
    most = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    minimum_age = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    proof = models.CharField(max_length=12, choices=Proof, default=Proof.BIRTH_DATE)
    unknown_place = models.CharField(max_length=8, choices=UnknownPlace, default=UnknownPlace.ADDRESS)
    reason = models.CharField(max_length=200, help_text="One sentence, as the fan reads it.")
    lifted = models.BooleanField(default=False, help_text="From this version on the rule holds nowhere.")
    change_summary = models.CharField(max_length=300, blank=True, help_text="Why, for the journal.")
    effective_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at the moment of publishing.")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.CharField(max_length=80, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["rule", "-number"]
        permissions = [("publish_ruleversion", "Can publish a version of a rule")]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="rule_version_number_once"),
            models.CheckConstraint(
                condition=Q(published_at=None) | (Q(effective_at__isnull=False) & ~Q(reason="")),
                name="published_rule_is_whole",
            ),
            models.CheckConstraint(
                condition=(~Q(effect="most") | Q(most__isnull=False))
                & (~Q(effect="age") | Q(minimum_age__isnull=False)),
                name="rule_has_its_number",
            ),
        ]
        triggers: list[pgtrigger.Trigger] = append_only(
            "rule_version", when=pgtrigger.Q(old__published_at__isnull=False)
        )

    @property
    def ref(self) -> str:
        """The name that decisions cite: ``spirits/v3``."""
        return f"{self.rule.slug}/v{self.number}"

    def __str__(self) -> str:
        return f"{self.rule} v{self.number}"


class Decision(models.Model):
    """What the rules said about an order, or about one they refused, and what they were told. No personal data.

    Of an order it is evidence and stays; a refusal (without ``order_ref``) may be deleted once nobody asks for it.
    """

    order_ref = models.CharField(
        max_length=40, blank=True, db_index=True, help_text="The order's reference; empty for what was refused."
    )
    at = models.DateTimeField()
    allowed = models.BooleanField()
    advisory = models.BooleanField(default=False, help_text="Allowed, and somebody may want to look.")
    reason = models.CharField(max_length=200, blank=True, help_text="What the fan read.")
    inputs = models.JSONField(default=dict, help_text="What was known: place, place of the IP, tags and units.")
    findings = models.JSONField(default=list, help_text='[["spirits/v3", "of_age"], …]')
    key = models.CharField(  # noqa: DJ001  # NULL is "no refusal", and may repeat
        max_length=64, unique=True, null=True, help_text="Of a refusal: the same one counts once an hour."
    )

    class Meta:
        ordering = ["-id"]
        triggers: list[pgtrigger.Trigger] = [
            pgtrigger.Protect(name="decision_never_changes", operation=pgtrigger.Update),
            pgtrigger.Protect(
                name="decision_of_an_order_stays", operation=pgtrigger.Delete, condition=~pgtrigger.Q(old__order_ref="")
            ),
            refuse_truncate("decision"),
        ]

    @property
    def outcome(self) -> str:
        return ("Allowed, have a look" if self.advisory else "Allowed") if self.allowed else "Refused"

    @property
    def said(self) -> str:
        """What each rule said: ``spirits/v3: of_age``."""
        return " · ".join(f"{ref}: {words}" for ref, words in self.findings)

    @property
    def place(self) -> str:
        """Where it goes, and where the IP seemed to be."""
        region = self.inputs.get("region", "")
        where = region if "-" in region else self.inputs.get("country", "")
        seemed = self.inputs.get("ip_place", "unknown")
        return " · ".join(in_words(each) if IS_PLACE.fullmatch(each) else each for each in (where, seemed))

    def __str__(self) -> str:
        return f"{self.order_ref or 'refused'} {self.at:%Y-%m-%d %H:%M}"
