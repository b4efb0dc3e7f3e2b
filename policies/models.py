"""What was promised: texts that never change once published, and the proof of who was shown what."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from django.urls import reverse

from merchant.append_only import append_only
from policies import rules_models, scopes  # noqa: F401  # Django looks for an app's models here
from policies.languages import is_another, language_name, own_name


class Kind(models.TextChoices):
    PRE_ORDER = "pre_order", "Pre-order"
    RETURNS = "returns", "Returns"
    REFUNDS = "refunds", "Refunds"
    CANCELLATIONS = "cancellations", "Cancellations and withdrawal"
    SHIPPING = "shipping", "Shipping"
    AGE = "age", "Age restriction"
    FINAL_SALE = "final_sale", "Final sale"
    PRIVACY = "privacy", "Privacy"
    TERMS = "terms", "Terms"
    EVENT = "event", "Event terms"
    CREATOR = "creator", "Creator disclosure"


class ChangeClass(models.TextChoices):
    """How much a new version changes for a fan. Only *material* asks again during a checkout."""

    TECHNICAL = "technical", "Technical (a typo, a link)"
    CLARIFICATION = "clarification", "Clarification (same rights, clearer words)"
    MATERIAL = "material", "Material (rights or duties change)"


FROZEN = ("slug", "kind", "title", "scope", "replaces_wider")


class Policy(models.Model):
    """One promise with a name and a scope. Its words live in its versions.

    What it is called and where it applies is as fixed as they are once one is public: another policy takes over then.
    """

    slug = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    title = models.CharField(max_length=120)
    scope = models.CharField(
        max_length=200,
        default=scopes.SHOP,
        validators=[RegexValidator(rf"^{scopes.PATTERN.pattern}$", f"Write {scopes.SAID}.")],
        help_text=f"Where it applies: {scopes.SAID}.",
    )
    keys = models.GeneratedField(
        expression=Func(F("scope"), Value(scopes.AND), function="string_to_array"),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )
    replaces_wider = models.BooleanField(
        "stands instead of wider ones",
        default=False,
        db_default=False,
        help_text="Where it applies, policies of the same kind with a wider scope are not shown.",
    )
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        verbose_name_plural = "policies"
        ordering = ["position", "title"]
        triggers = [
            pgtrigger.Trigger(
                name="policy_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(*FROZEN),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM policies_policyversion
                        WHERE policy_id = OLD.id AND published_at IS NOT NULL
                    ) THEN
                        RAISE EXCEPTION 'policy % is public: its name and place are fixed', OLD.slug;
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    @property
    def scope_in_words(self) -> str:
        """Where it applies, for people."""
        return scopes.in_words(self.scope)

    def __str__(self) -> str:
        return self.title


class PolicyVersion(models.Model):
    """One text of a policy. A draft until published; from then on the database refuses any change.

    Which version is in force, and which are superseded, follows from ``effective_at`` alone and is never stored.
    """

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    language = models.CharField(max_length=12, default="en")
    summary = models.CharField(max_length=200, help_text="One sentence a fan reads before unfolding the whole text.")
    source = models.TextField(
        max_length=60_000, help_text="Markdown. {{ ship_date }} and the like are filled in for each drop."
    )
    box_wording = models.CharField(
        max_length=200, blank=True, help_text="Words beside a box the fan must tick. Empty: shown, no box."
    )
    change_class = models.CharField(max_length=20, choices=ChangeClass, default=ChangeClass.MATERIAL)
    change_summary = models.CharField(
        max_length=300, blank=True, help_text="For the public changelog: what changed, in plain words."
    )
    retires = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="The last of its policy: from its effective time on, nothing of it is promised any more.",
    )
    effective_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at the moment of publishing.")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.CharField(max_length=80, blank=True, editable=False)
    shop_values = models.JSONField(
        null=True,
        editable=False,
        help_text="What the shop's profile gave at its publishing: what a text promises changes by a version alone.",
    )
    seals_values = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether its link covers these values too. Those published before that was so lack it.",
    )
    seals_policy = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether its link covers the kind, title and scope too. Those published before that was so lack it.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revision = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    writers = ArrayField(models.CharField(max_length=80), default=list, db_default=[], editable=False)
    edited_by = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    edited_at = models.DateTimeField(null=True, editable=False)
    review_asked_at = models.DateTimeField(null=True, editable=False)
    review_asked_by = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    sent_back = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    approved_at = models.DateTimeField(null=True, editable=False)
    approved_by = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    approved_print = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False, help_text="Names the words approved."
    )

    class Meta:
        ordering = ["policy", "-number"]
        permissions = [("publish_policyversion", "Can publish a policy version")]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_once"),
            models.UniqueConstraint(fields=["policy"], condition=Q(retires=True), name="policy_retired_once"),
            models.CheckConstraint(
                condition=Q(published_at=None) | (Q(effective_at__isnull=False) & ~Q(source="")),
                name="published_version_is_whole",
            ),
        ]
        triggers: list[pgtrigger.Trigger] = append_only(
            "policy_version", when=pgtrigger.Q(old__published_at__isnull=False)
        )

    @property
    def ref(self) -> str:
        """The name that orders cite: ``returns/v3``."""
        return f"{self.policy.slug}/v{self.number}"

    @property
    def fixed(self) -> dict[str, str]:
        """The values of the shop that were filled in for good; a draft has none yet."""
        return self.shop_values or {}

    @property
    def mandatory(self) -> bool:
        return bool(self.box_wording)

    @property
    def change_in_words(self) -> str:
        """How much it changed, without the explanation that the merchant chooses by: ``Material change``."""
        label = ChangeClass(self.change_class).label.partition(" (")[0]
        return f"{label} change" if self.change_class == ChangeClass.MATERIAL else label

    @property
    def language_in_its_words(self) -> str:
        """``Deutsch``."""
        return own_name(self.language)

    def get_absolute_url(self) -> str:
        return reverse("policies:version", args=[self.policy.slug, self.number])

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class Rendering(models.Model):
    """A version with its values filled in: the exact bytes a fan was shown, named by their sha256."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="renderings")
    values = models.JSONField(default=dict)
    html = models.TextField(help_text="UTF-8; sha256 is over these bytes.")
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers: list[pgtrigger.Trigger] = append_only("rendering")

    def __str__(self) -> str:
        return self.sha256[:12]


class Surface(models.TextChoices):
    CHECKOUT = "checkout", "Checkout page"
    API = "api", "API"


class Acceptance(models.Model):
    """Proof that the buyer of an order was shown a rendering and what they answered. No personal data; append-only."""

    order_ref = models.CharField(
        max_length=40, db_index=True, help_text="The order's reference; no foreign key: evidence outlives it."
    )
    rendering = models.ForeignKey(Rendering, on_delete=models.PROTECT, related_name="acceptances")
    surface = models.CharField(max_length=20, choices=Surface)
    language = models.CharField(max_length=12, default="en")
    asked_language = models.CharField(
        max_length=12,
        default="",
        db_default="",
        blank=True,
        help_text="What the fan reads; another than the text's where no translation was published.",
    )
    wording = models.TextField(
        blank=True, help_text="The words beside the box, if there was one, filled in: they may outgrow the version's."
    )
    accepted = models.BooleanField(null=True, help_text="Ticked or not; empty when there was no box.")
    replaced = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Answered before the text changed under the fan; the order stands under the later answer.",
    )
    shown_at = models.DateTimeField()
    answered_at = models.DateTimeField()
    commitment = models.CharField(max_length=64, help_text="Salted sha256 over the row and its person.")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("order_ref"), F("rendering"), name="acceptance_once_an_order"),
        ]
        triggers: list[pgtrigger.Trigger] = append_only("acceptance")

    @property
    def is_fallback(self) -> bool:
        """Whether a translation was missing and another language stood in."""
        return is_another(self.language, self.asked_language)

    @property
    def in_other_words(self) -> str:
        """``in English, as there was no French``; nothing where the fan was shown their language."""
        if not self.is_fallback:
            return ""
        return f"in {language_name(self.language)}, as there was no {language_name(self.asked_language)}"

    def __str__(self) -> str:
        return f"{self.order_ref} {self.rendering_id}"


class SealKind(models.TextChoices):
    VERSIONS = "versions", "Versions"
    ACCEPTANCES = "acceptances", "Acceptances"
    RENDERINGS = "renderings", "Renderings"
    RULES = "rules", "Rules"


class Seal(models.Model):
    """A link of the chain: digests of rows, and the name of the link before. Written by a worker; never changed."""

    number = models.PositiveBigIntegerField(primary_key=True)
    previous = models.CharField(max_length=64, unique=True, help_text="The hash of the link before.")
    kind = models.CharField(max_length=12, choices=SealKind)
    rows = ArrayField(models.BigIntegerField(), help_text="Which rows, in the order of their leaves.")
    leaves = models.BinaryField(help_text="The 32-byte digest of each row, one after the other.")
    highest = models.BigIntegerField(help_text="The highest row of this kind sealed so far.")
    sealed_at = models.DateTimeField()
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-number"]
        triggers: list[pgtrigger.Trigger] = append_only("seal")

    def __str__(self) -> str:
        return f"link {self.number}"


class TaggingAuthority(models.Model):
    """Who names the entries of the feed, after RFC 4151: a host the shop had, and a day on which it had it.

    Written at the first reading and never again: an entry stays the same entry when the shop moves.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    host = models.CharField(max_length=253)
    day = models.DateField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="tagging_authority_is_one")]
        triggers: list[pgtrigger.Trigger] = append_only("tagging_authority")

    def __str__(self) -> str:
        return f"tag:{self.host},{self.day:%Y-%m-%d}"


class AcceptancePerson(models.Model):
    """The erasable half of an acceptance. Deleting it leaves the commitment, and the chain, whole.

    Deleted by ``acceptance.forget`` alone, which leaves a ``ForgottenPerson``.
    """

    acceptance = models.OneToOneField(Acceptance, on_delete=models.PROTECT, related_name="person")
    salt = models.CharField(max_length=32)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    email_hmac = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"person of acceptance {self.acceptance_id}"


class ForgottenPerson(models.Model):
    """That the person of an acceptance was erased, on request or in time: so the verifier tells it from tampering."""

    acceptance = models.OneToOneField(Acceptance, on_delete=models.PROTECT, primary_key=True, related_name="forgotten")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers: list[pgtrigger.Trigger] = append_only("forgotten_person")

    def __str__(self) -> str:
        return f"person of acceptance {self.acceptance_id}, forgotten"
