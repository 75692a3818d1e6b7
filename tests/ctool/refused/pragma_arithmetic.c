float f(float x)
{
#pragma STDC FP_CONTRACT ON
    return x * x + 1.0f;
}
